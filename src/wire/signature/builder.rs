//! Settings of a verifier.

use std::sync::Arc;
use std::time::Duration;

use super::algorithm::VerificationKey;
use super::config_error::WebhookConfigError;
use super::key::{self, DatedSecret, ShortKeys};
use super::verifier::Verifier;
use crate::base::clock::{Clock, SystemClock, UnixMillis};
use crate::base::secret::{Secret, SecretError};
use crate::wire::scheme::{Scheme, TOLERANCE};

/// Builder of a [`Verifier`]; [`Verifier::builder`] creates it.
///
/// ```
/// use std::time::Duration;
/// use tower_auth_sync::clock::UnixTime;
/// use tower_auth_sync::scheme::Scheme;
/// use tower_auth_sync::signature::Verifier;
///
/// let verifier = Verifier::builder(Scheme::stripe())
///     .secret("the-new-secret-not-a-real-one")?
///     .secret_until("the-old-secret-not-a-real-one", UnixTime::from_secs(1_750_000_000))?
///     .tolerance(Duration::from_secs(60))
///     .build()?;
/// # Ok::<(), tower_auth_sync::signature::WebhookConfigError>(())
/// ```
#[must_use = "call `build` to get the verifier"]
#[derive(Debug)]
pub struct VerifierBuilder {
    scheme: Scheme,
    pub(crate) secrets: Vec<DatedSecret>,
    tolerance: Duration,
    clock: Arc<dyn Clock>,
    short: ShortKeys,
}

impl Verifier {
    /// Creates a verifier with the system's clock and the scheme's tolerance.
    ///
    /// Takes 1 to 8 secrets, as [`Secret`], `String` or `&str`. Any of them may sign a request, so that
    /// a rotation can overlap. [`VerifierBuilder::secret_until`] sets the end of the old secret.
    ///
    /// ```
    /// use tower_auth_sync::scheme::Scheme;
    /// use tower_auth_sync::signature::Verifier;
    ///
    /// let verifier = Verifier::new(Scheme::github(), ["not-a-secret-but-an-example"])?;
    /// # Ok::<(), tower_auth_sync::signature::WebhookConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError`] without a secret, and for a secret that is empty, damaged or a
    /// placeholder, or whose key has fewer than 24 or more than 512 bytes.
    pub fn new<I>(scheme: Scheme, secrets: I) -> Result<Self, WebhookConfigError>
    where
        I: IntoIterator<Item: TryInto<Secret, Error: Into<SecretError>>>,
    {
        let mut builder = Self::builder(scheme);
        let secrets = key::collect(secrets)?;
        builder.secrets = secrets.into_iter().map(DatedSecret::from).collect();
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
    /// [`WebhookConfigError::Secret`] if it is empty, damaged or a placeholder.
    pub fn secret<S>(mut self, secret: S) -> Result<Self, WebhookConfigError>
    where
        S: TryInto<Secret, Error: Into<SecretError>>,
    {
        let secret = key::take(self.secrets.len(), secret)?;
        self.secrets.push(secret.into());
        Ok(self)
    }

    /// Adds a replaced secret that is valid until `not_after`, by the verifier's clock.
    ///
    /// From that time on its signatures are a mismatch. The secret keeps its index.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError::Secret`] if it is empty, damaged or a placeholder.
    pub fn secret_until<S>(
        mut self,
        secret: S,
        not_after: impl Into<UnixMillis>,
    ) -> Result<Self, WebhookConfigError>
    where
        S: TryInto<Secret, Error: Into<SecretError>>,
    {
        let secret = key::take(self.secrets.len(), secret)?;
        self.secrets.push(DatedSecret {
            secret,
            not_after: Some(not_after.into()),
        });
        Ok(self)
    }

    /// Sets the tolerance of the timestamp, in the past and in the future.
    ///
    /// 1 s to 1 h, counted in whole seconds: a fraction is cut off. Default: the scheme's tolerance,
    /// which is that of the reference libraries. No effect on a scheme without a time.
    ///
    /// # Security
    ///
    /// An attacker can replay a recorded request for this long, unless a dedupe store with a retention of
    /// more than twice this value recognizes it.
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the clock. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Allows keys of 1 to 23 bytes. Default: refused. Placeholders stay refused.
    ///
    /// # Security
    ///
    /// Only for senders whose secret cannot change. One recorded request suffices to search for a short
    /// key.
    pub fn dangerous_allow_short_secret(mut self) -> Self {
        self.short = ShortKeys::Allowed;
        self
    }

    /// Builds the verifier.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError`] without a secret, for a tolerance out of range, and for a secret whose key is
    /// not usable.
    pub fn build(self) -> Result<Verifier, WebhookConfigError> {
        let tolerance = Duration::from_secs(self.tolerance.as_secs());
        if self.scheme.has_time() && !TOLERANCE.contains(&tolerance) {
            return Err(WebhookConfigError::Tolerance);
        }
        key::check_count(self.secrets.len())?;
        let prepare = |(index, dated): (usize, DatedSecret)| {
            let text = dated.secret.expose();
            let key = VerificationKey::new(self.scheme.algorithm, index, text, self.short)?;
            Ok((dated, key))
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
