//! Verification of a request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::algorithm::{RunningCheck, VerificationKey};
use super::freshness::check_age;
use super::headers::{self, HeaderValues, ParsedHeaderNames};
use super::key::DatedSecret;
use super::verify_error::VerifyError;
use crate::base::clock::{Clock, UnixMillis};
use crate::wire::scheme::{Parsed, Rendered, Scheme};

/// Verifies that a request has a fresh signature of one of its secrets.
///
/// Cheap to clone. Accepting a request allocates nothing, except in schemes with public keys.
#[derive(Clone)]
pub struct Verifier(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) scheme: Scheme,
    families: Box<[ParsedHeaderNames]>,
    keys: Box<[(DatedSecret, VerificationKey)]>,
    /// Whether some secret ends.
    has_ends: bool,
    tolerance: Duration,
    clock: Arc<dyn Clock>,
}

/// The headers of a request before the check of its body; [`Verifier::check_headers`] creates them.
///
/// Well-formed and fresh, but not authentic: anybody can write such headers.
pub struct CheckedHeaders<'h> {
    id: Option<&'h str>,
    time: &'h str,
    sent_at: Option<UnixMillis>,
    parsed: Parsed<'h>,
    /// When the headers were checked.
    now: UnixMillis,
}

/// Result of a successful verification.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SignatureMatch {
    key: usize,
    sent_at: Option<UnixMillis>,
}

impl Verifier {
    pub(crate) fn from_parts(
        scheme: Scheme,
        keys: Box<[(DatedSecret, VerificationKey)]>,
        tolerance: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let families = scheme.families().map(ParsedHeaderNames::of).collect();
        let has_ends = keys.iter().any(|(dated, _)| dated.not_after.is_some());
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

    /// Returns the tolerance of a signed time, in the past and in the future.
    #[must_use]
    pub fn tolerance(&self) -> Duration {
        self.0.tolerance
    }

    /// Returns the time of the verifier's clock.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.0.clock.now()
    }

    /// Returns the verifier's clock.
    #[cfg(feature = "verify")]
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Returns the secrets in configuration order.
    pub(crate) fn secrets(&self) -> Vec<DatedSecret> {
        self.0.keys.iter().map(|(dated, _)| dated.clone()).collect()
    }

    /// Verifies a whole request: [`check_headers`](Self::check_headers), then
    /// [`check_body`](Self::check_body).
    ///
    /// # Errors
    ///
    /// [`VerifyError`] names the wrong header and its fault, or says that no signature matches.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<SignatureMatch, VerifyError> {
        let signed = self.check_headers(headers)?;
        self.check_body(&signed, body)
    }

    /// Checks the headers alone, so that nobody reads the body of a stale or malformed request.
    ///
    /// White space around a header's value does not count (RFC 9110 §5.5).
    ///
    /// # Errors
    ///
    /// Every [`VerifyError`] but [`Mismatch`](VerifyError::Mismatch).
    pub fn check_headers<'h>(
        &self,
        headers: &'h HeaderMap,
    ) -> Result<CheckedHeaders<'h>, VerifyError> {
        let Inner { scheme, .. } = &*self.0;
        let now = self.0.clock.now();
        let HeaderValues { id, time, parsed } = headers::read(scheme, &self.0.families, headers)?;
        self.0.check_freshness(time, now)?;
        Ok(CheckedHeaders {
            id,
            time: time.map_or("", |(text, _)| text),
            sent_at: time.map(|(_, at)| at),
            parsed,
            now,
        })
    }

    /// Checks the body, after the check of the headers. [`begin_body`](Self::begin_body) checks a body in
    /// chunks.
    ///
    /// # Errors
    ///
    /// [`VerifyError::Mismatch`], which is the same for a wrong key, a changed body and an undecodable
    /// signature.
    pub fn check_body(
        &self,
        signed: &CheckedHeaders<'_>,
        body: &[u8],
    ) -> Result<SignatureMatch, VerifyError> {
        let rendered = self.0.rendered(signed);
        let mut message = self.0.scheme.algorithm.contiguous_start(&rendered);
        if let Some(message) = &mut message {
            message.extend_from_slice(body);
        }
        let message = message.unwrap_or_default();
        let mut matching = None;
        // The state of a key is large, so it is not moved.
        for (index, key) in self.0.valid_keys(signed) {
            let mut running = key.begin(&rendered);
            running.update(body);
            let found = self.0.is_signed(running, signed, &message);
            matching = matching.or(found.then_some(index));
        }
        signed.result_for(matching)
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
    pub(crate) fn rendered<'a>(&'a self, signed: &'a CheckedHeaders<'_>) -> Rendered<'a> {
        Rendered {
            template: &self.scheme.content,
            id: signed.id.unwrap_or_default(),
            time: signed.time,
        }
    }

    /// Returns the keys that have not ended, in order.
    pub(crate) fn valid_keys(
        &self,
        signed: &CheckedHeaders<'_>,
    ) -> impl Iterator<Item = (usize, &VerificationKey)> {
        let now = signed.now;
        let keys = self.keys.iter().enumerate();
        let valid = keys.filter(move |(_, (dated, _))| dated.is_valid_at(now));
        valid.map(|(index, (_, key))| (index, key))
    }

    /// Finishes the check under one key.
    #[inline]
    pub(crate) fn is_signed(
        &self,
        running: RunningCheck,
        signed: &CheckedHeaders<'_>,
        message: &[u8],
    ) -> bool {
        let rendered = self.rendered(signed);
        running.has_signed(&rendered, message, &signed.parsed, self.scheme.encoding)
    }

    /// A clock that was never set can check neither freshness nor the end of a secret.
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

impl<'h> CheckedHeaders<'h> {
    /// Returns the result for the index of the matching secret.
    pub(crate) fn result_for(
        &self,
        matching: Option<usize>,
    ) -> Result<SignatureMatch, VerifyError> {
        let key = matching.ok_or(VerifyError::Mismatch)?;
        Ok(SignatureMatch {
            key,
            sent_at: self.sent_at,
        })
    }

    /// Returns the id in the header, if any. After [`check_body`](Verifier::check_body),
    /// [`Scheme::id_source`] says whether it is authentic.
    #[must_use]
    pub const fn id(&self) -> Option<&'h str> {
        self.id
    }

    /// Returns the claimed time of the signature; `None` for a scheme without a time.
    #[must_use]
    pub const fn sent_at(&self) -> Option<UnixMillis> {
        self.sent_at
    }

    /// Returns when the headers were checked.
    #[cfg(feature = "verify")]
    pub(crate) const fn checked_at(&self) -> UnixMillis {
        self.now
    }
}

impl fmt::Debug for CheckedHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedHeaders")
            .field("id", &self.id)
            .field("sent_at", &self.sent_at)
            .finish_non_exhaustive()
    }
}

impl SignatureMatch {
    /// Returns the index of the matching secret, in configuration order.
    #[must_use]
    pub const fn key_index(&self) -> usize {
        self.key
    }

    /// Returns the time of the signature; `None` for a scheme without a time.
    #[must_use]
    pub const fn sent_at(&self) -> Option<UnixMillis> {
        self.sent_at
    }
}
