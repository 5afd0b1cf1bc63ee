//! Settings of a verifier.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::config_error::ConfigError;
use super::key::{self, ShortKeys};
use super::scheme::Scheme;
use super::verifier::Verifier;
use crate::clock::{Clock, SystemClock};
use crate::secret::{Secret, SecretError};

/// Settings of a [`Verifier`]; made by [`Verifier::builder`].
#[must_use = "call `build` to get the verifier"]
#[derive(Debug)]
pub struct VerifierBuilder {
    scheme: Scheme,
    pub(super) secrets: Vec<Secret>,
    tolerance: Duration,
    clock: Box<dyn Clock>,
    short: ShortKeys,
}

impl VerifierBuilder {
    pub(super) fn new(scheme: Scheme) -> Self {
        Self {
            tolerance: scheme.tolerance,
            scheme,
            secrets: Vec::new(),
            clock: Box::new(SystemClock),
            short: ShortKeys::Refused,
        }
    }

    /// Adds a secret. 1 to 8 are needed.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Secret`] if it is empty or holds white space.
    pub fn secret<S>(mut self, secret: S) -> Result<Self, ConfigError>
    where
        S: TryInto<Secret, Error: Into<SecretError>>,
    {
        let index = self.secrets.len();
        let secret = secret.try_into().map_err(|source| ConfigError::Secret {
            index,
            source: source.into(),
        })?;
        self.secrets.push(secret);
        Ok(self)
    }

    /// Sets how far the timestamp may lie from now, in the past or in the future.
    ///
    /// 1 s to 1 h, counted in whole seconds: a fraction is cut off. Default: the scheme's, which is
    /// 300 s in all presets, as in the reference libraries.
    ///
    /// # Security
    ///
    /// Whoever has recorded a request can repeat it for this long, unless repeats are told by a
    /// dedupe store that remembers for more than twice this value.
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the clock. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Lets keys pass that have fewer than 24 bytes, though not empty ones. Default: refused.
    ///
    /// # Security
    ///
    /// For senders whose secret cannot be changed. A short key can be found by trial from one
    /// recorded request.
    pub fn dangerous_allow_short_secret(mut self) -> Self {
        self.short = ShortKeys::Allowed;
        self
    }

    /// Makes the verifier.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if there is no secret or a tolerance out of range, or if a secret's key is
    /// not usable.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let tolerance = Duration::from_secs(self.tolerance.as_secs());
        if !TOLERANCE.contains(&tolerance) {
            return Err(ConfigError::Tolerance);
        }
        let keys = key::prepare(&self.scheme, &self.secrets, self.short)?;
        Ok(Verifier::from_parts(
            self.scheme,
            keys,
            tolerance,
            self.clock,
        ))
    }
}

/// Below 1 s nothing arrives in time; above 1 h a recorded request lives too long.
const TOLERANCE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
