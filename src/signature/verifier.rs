//! Judging a request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::algorithm::{Key, Running};
use super::body_check::BodyCheck;
use super::builder::VerifierBuilder;
use super::config_error::ConfigError;
use super::content::Filling;
use super::doctor::{Case, Diagnosis};
use super::grammar::Parsed;
use super::headers::{self, Names, Read};
use super::key::{self, Held};
use super::scheme::Scheme;
use super::time_unit::TimeUnit;
use super::verify_error::VerifyError;
use crate::clock::{Clock, UnixMillis};
use crate::secret::{Secret, SecretError};

/// Checks that requests were signed with one of its secrets, and lately.
///
/// Cheap to clone. Accepting a request allocates nothing where the scheme's keys are shared secrets.
#[derive(Clone)]
pub struct Verifier(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) scheme: Scheme,
    families: Box<[Names]>,
    keys: Box<[(Held, Key)]>,
    /// Some secret ends.
    has_ends: bool,
    tolerance: Duration,
    clock: Box<dyn Clock>,
}

/// What the headers of a request say, before its body is judged; made by
/// [`Verifier::check_headers`].
///
/// Well-formed and fresh, but not authentic: anybody can write such headers.
pub struct SignedHeaders<'h> {
    id: Option<&'h str>,
    time: &'h str,
    sent_at: Option<UnixMillis>,
    parsed: Parsed<'h>,
    /// When the headers were judged.
    now: UnixMillis,
}

/// What is known of a request whose signature is right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verified {
    key: usize,
    sent_at: Option<UnixMillis>,
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
    /// [`ConfigError`] if there is no secret, or one that is empty, damaged, or whose key has fewer
    /// than 24 or more than 512 bytes.
    pub fn new<I>(scheme: Scheme, secrets: I) -> Result<Self, ConfigError>
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

    pub(super) fn from_parts(
        scheme: Scheme,
        keys: Box<[(Held, Key)]>,
        tolerance: Duration,
        clock: Box<dyn Clock>,
    ) -> Self {
        let families = scheme.families().map(Names::of).collect();
        let has_ends = keys.iter().any(|(held, _)| held.not_after.is_some());
        Self(Arc::new(Inner {
            scheme,
            families,
            keys,
            has_ends,
            tolerance,
            clock,
        }))
    }

    /// Returns the scheme.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.0.scheme
    }

    /// Returns how far from now a signed time may lie, in the past and in the future.
    #[must_use]
    pub fn tolerance(&self) -> Duration {
        self.0.tolerance
    }

    /// Returns what the verifier's clock shows.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.0.clock.now()
    }

    /// Judges a whole request: [`check_headers`](Self::check_headers), then
    /// [`check_body`](Self::check_body).
    ///
    /// # Errors
    ///
    /// [`VerifyError`] says which header is wrong and how, or that no signature matches.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Verified, VerifyError> {
        let signed = self.check_headers(headers)?;
        self.check_body(&signed, body)
    }

    /// Judges the headers alone, so that a stale or malformed request costs no body.
    ///
    /// White space around a header's value is no part of it (RFC 9110 §5.5), also where no HTTP
    /// parser took it off.
    ///
    /// # Errors
    ///
    /// Every [`VerifyError`] but [`Mismatch`](VerifyError::Mismatch).
    pub fn check_headers<'h>(
        &self,
        headers: &'h HeaderMap,
    ) -> Result<SignedHeaders<'h>, VerifyError> {
        let Inner { scheme, .. } = &*self.0;
        let now = self.0.clock.now();
        let Read { id, time, parsed } = headers::read(scheme, &self.0.families, headers)?;
        self.0.check_freshness(time, now)?;
        Ok(SignedHeaders {
            id,
            time: time.map_or("", |(text, _)| text),
            sent_at: time.map(|(_, at)| at),
            parsed,
            now,
        })
    }

    /// Judges the body of a request whose headers passed. One that comes in pieces can be judged as it
    /// comes: [`begin_body`](Self::begin_body).
    ///
    /// # Errors
    ///
    /// [`VerifyError::Mismatch`]. Wrong key, changed body and garbage in the header look the same.
    pub fn check_body(
        &self,
        signed: &SignedHeaders<'_>,
        body: &[u8],
    ) -> Result<Verified, VerifyError> {
        let filling = self.0.filling(signed);
        let whole = self.0.scheme.algorithm.whole(&filling, body);
        let mut matching = None;
        // A state of a key is large: it is judged where it was made.
        for (index, key) in self.0.valid_keys(signed) {
            let mut running = key.begin(&filling);
            running.update(body);
            let found = self.0.is_signed(running, signed, &whole);
            matching = matching.or(found.then_some(index));
        }
        signed.verdict(matching)
    }

    /// Judges the body of a request whose headers passed, while it comes.
    ///
    /// Takes no memory that grows with the body, except for [Ed25519], whose message has to be there
    /// in one piece.
    ///
    /// ```
    /// # use http::HeaderMap;
    /// # use tower_auth_sync::signature::{Scheme, Verified, Verifier, VerifyError};
    /// fn verify<'b>(
    ///     verifier: &Verifier,
    ///     headers: &HeaderMap,
    ///     pieces: impl Iterator<Item = &'b [u8]>,
    /// ) -> Result<Verified, VerifyError> {
    ///     let signed = verifier.check_headers(headers)?;
    ///     let mut body = verifier.begin_body(&signed);
    ///     for piece in pieces {
    ///         body.update(piece);
    ///     }
    ///     body.finish()
    /// }
    /// ```
    ///
    /// [Ed25519]: crate::signature::Scheme::standard_webhooks_v1a
    pub fn begin_body<'a>(&'a self, signed: &'a SignedHeaders<'a>) -> BodyCheck<'a> {
        BodyCheck::new(&self.0, signed)
    }

    /// Says why a request was refused: what would have to be different for it to be accepted.
    ///
    /// As [`diagnose`](super::diagnose), with this verifier's secrets, tolerance and clock.
    #[must_use]
    pub fn diagnose(&self, headers: &HeaderMap, body: &[u8]) -> Vec<Diagnosis> {
        let secrets: Vec<Held> = self.0.keys.iter().map(|(held, _)| held.clone()).collect();
        let case = Case {
            scheme: &self.0.scheme,
            secrets: &secrets,
            headers,
            body,
            now: self.now(),
            tolerance: self.0.tolerance,
        };
        case.diagnose()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("scheme", &self.0.scheme.name)
            .field("keys", &self.0.keys.len())
            .field("tolerance", &self.0.tolerance)
            .field("clock", &self.0.clock)
            .finish()
    }
}

impl Inner {
    pub(super) fn filling<'a>(&'a self, signed: &'a SignedHeaders<'_>) -> Filling<'a> {
        Filling {
            content: &self.scheme.content,
            id: signed.id.unwrap_or_default(),
            time: signed.time,
        }
    }

    /// Returns the keys that have not ended, in their order.
    pub(super) fn valid_keys(
        &self,
        signed: &SignedHeaders<'_>,
    ) -> impl Iterator<Item = (usize, &Key)> {
        let now = signed.now;
        let keys = self.keys.iter().enumerate();
        let valid = keys.filter(move |(_, (held, _))| held.is_valid_at(now));
        valid.map(|(index, (_, key))| (index, key))
    }

    /// Ends the work of a key; `whole` is the message where the algorithm takes it in one piece.
    #[inline]
    pub(super) fn is_signed(
        &self,
        running: Running,
        signed: &SignedHeaders<'_>,
        whole: &[u8],
    ) -> bool {
        let filling = self.filling(signed);
        running.signed(&filling, whole, &signed.parsed, self.scheme.encoding)
    }

    /// A clock that was never set says nothing about freshness, nor about the end of a secret.
    fn check_freshness(
        &self,
        time: Option<(&str, UnixMillis)>,
        now: UnixMillis,
    ) -> Result<(), VerifyError> {
        if now == UnixMillis::EPOCH && (time.is_some() || self.has_ends) {
            return Err(VerifyError::ClockNotSet);
        }
        let Some((_, sent_at)) = time else {
            return Ok(());
        };
        check_age(self.scheme.unit, self.tolerance, sent_at, now)
    }
}

pub(super) fn check_age(
    unit: TimeUnit,
    tolerance: Duration,
    sent_at: UnixMillis,
    now: UnixMillis,
) -> Result<(), VerifyError> {
    let now = unit.floor(now);
    let age = now.saturating_since(sent_at);
    let lead = sent_at.saturating_since(now);
    if age > tolerance {
        Err(VerifyError::TooOld { age })
    } else if lead > tolerance {
        Err(VerifyError::TooNew { lead })
    } else {
        Ok(())
    }
}

impl<'h> SignedHeaders<'h> {
    /// Says what it means that the secret at `matching` made the signature, or none.
    pub(super) fn verdict(&self, matching: Option<usize>) -> Result<Verified, VerifyError> {
        let key = matching.ok_or(VerifyError::Mismatch)?;
        Ok(Verified {
            key,
            sent_at: self.sent_at,
        })
    }

    /// Returns the id in the header, if there is one; whether it is authentic after
    /// [`check_body`](Verifier::check_body) says [`Scheme::id_source`].
    #[must_use]
    pub const fn id(&self) -> Option<&'h str> {
        self.id
    }

    /// Returns when the sender claims to have signed; `None` for a scheme without time.
    #[must_use]
    pub const fn sent_at(&self) -> Option<UnixMillis> {
        self.sent_at
    }
}

impl fmt::Debug for SignedHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedHeaders")
            .field("id", &self.id)
            .field("sent_at", &self.sent_at)
            .finish_non_exhaustive()
    }
}

impl Verified {
    /// Returns the index of the secret that matches, in the order in which they were given.
    #[must_use]
    pub const fn key(&self) -> usize {
        self.key
    }

    /// Returns when the sender signed; `None` for a scheme without time.
    #[must_use]
    pub const fn sent_at(&self) -> Option<UnixMillis> {
        self.sent_at
    }
}
