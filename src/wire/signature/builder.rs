//! Settings of a verifier.

use std::sync::Arc;
use std::time::Duration;

use super::algorithm::Key;
use super::config_error::WebhookConfigError;
use super::key;
use super::key::{Held, ShortKeys};
use super::verifier::Verifier;
use crate::base::clock::{Clock, SystemClock, UnixMillis};
use crate::base::secret::{Secret, SecretError};
use crate::wire::scheme::{Scheme, TOLERANCE};

/// Settings of a [`Verifier`]; made by [`Verifier::builder`].
#[must_use = "call `build` to get the verifier"]
#[derive(Debug)]
pub struct VerifierBuilder {
    scheme: Scheme,
    pub(crate) secrets: Vec<Held>,
    tolerance: Duration,
    clock: Arc<dyn Clock>,
    short: ShortKeys,
}

impl Verifier {
    /// Creates a verifier with the system's clock and the scheme's tolerance.
    ///
    /// Takes 1 to 8 secrets, as [`Secret`], `String` or `&str`: a request may be signed with any of
    /// them, so that a secret can be replaced while both are in use. When the old one is to end is
    /// set by [`VerifierBuilder::secret_until`].
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError`] if there is no secret, or one that is empty, damaged, or whose key has fewer
    /// than 24 or more than 512 bytes.
    pub fn new<I>(scheme: Scheme, secrets: I) -> Result<Self, WebhookConfigError>
    where
        I: IntoIterator<Item: TryInto<Secret, Error: Into<SecretError>>>,
    {
        let mut builder = Self::builder(scheme);
        let secrets = key::collect(secrets)?;
        builder.secrets = secrets.into_iter().map(Held::from).collect();
        builder.build()
    }

    /// Starts a verifier with another clock or tolerance.
    pub fn builder(scheme: Scheme) -> VerifierBuilder {
        VerifierBuilder::new(scheme)
    }
}

impl VerifierBuilder {
    pub(crate) fn new(scheme: Scheme) -> Self {
        Self {
            tolerance: scheme.tolerance,
            scheme,
            secrets: Vec::new(),
            clock: Arc::new(SystemClock),
            short: ShortKeys::Refused,
        }
    }

    /// Adds a secret. 1 to 8 are needed.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError::Secret`] if it is empty or damaged.
    pub fn secret<S>(mut self, secret: S) -> Result<Self, WebhookConfigError>
    where
        S: TryInto<Secret, Error: Into<SecretError>>,
    {
        let secret = key::take(self.secrets.len(), secret)?;
        self.secrets.push(secret.into());
        Ok(self)
    }

    /// Adds a secret that is tried until `not_after`, by the verifier's clock: one that was replaced.
    ///
    /// From that moment on a request signed with it is a mismatch. It keeps its place in the order of
    /// secrets.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError::Secret`] if it is empty or damaged.
    pub fn secret_until<S>(
        mut self,
        secret: S,
        not_after: impl Into<UnixMillis>,
    ) -> Result<Self, WebhookConfigError>
    where
        S: TryInto<Secret, Error: Into<SecretError>>,
    {
        let secret = key::take(self.secrets.len(), secret)?;
        self.secrets.push(Held {
            secret,
            not_after: Some(not_after.into()),
        });
        Ok(self)
    }

    /// Sets how far the timestamp may lie from now, in the past or in the future.
    ///
    /// 1 s to 1 h, counted in whole seconds: a fraction is cut off. Default: the scheme's, which is
    /// that of the reference libraries. Of no effect on a scheme without time.
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
        self.clock = Arc::new(clock);
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
    /// [`WebhookConfigError`] if there is no secret or a tolerance out of range, or if a secret's key is
    /// not usable.
    pub fn build(self) -> Result<Verifier, WebhookConfigError> {
        let tolerance = Duration::from_secs(self.tolerance.as_secs());
        if self.scheme.has_time() && !TOLERANCE.contains(&tolerance) {
            return Err(WebhookConfigError::Tolerance);
        }
        key::check_count(self.secrets.len())?;
        let prepare = |(index, held): (usize, Held)| {
            let text = held.secret.expose();
            let key = Key::new(self.scheme.algorithm, index, text, self.short)?;
            Ok((held, key))
        };
        let keys = self.secrets.into_iter().enumerate().map(prepare);
        let keys = keys.collect::<Result<_, WebhookConfigError>>()?;
        Ok(Verifier::from_parts(
            self.scheme,
            keys,
            tolerance,
            self.clock,
        ))
    }
}
