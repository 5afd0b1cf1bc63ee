//! Judging a request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::algorithm::{Key, Running};
use super::freshness::check_age;
use super::headers;
use super::headers::{Names, Read};
use super::key::Held;
use super::verify_error::VerifyError;
use crate::base::clock::{Clock, UnixMillis};
use crate::wire::scheme::Filling;
use crate::wire::scheme::Parsed;
use crate::wire::scheme::Scheme;

/// Checks that requests were signed with one of its secrets, and lately.
///
/// Cheap to clone. Accepting a request allocates nothing where the scheme's keys are shared secrets.
#[derive(Clone)]
pub struct Verifier(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) scheme: Scheme,
    families: Box<[Names]>,
    keys: Box<[(Held, Key)]>,
    /// Some secret ends.
    has_ends: bool,
    tolerance: Duration,
    clock: Arc<dyn Clock>,
}

/// What the headers of a request say, before its body is judged; made by
/// [`Verifier::check_headers`].
///
/// Well-formed and fresh, but not authentic: anybody can write such headers.
pub struct CheckedHeaders<'h> {
    id: Option<&'h str>,
    time: &'h str,
    sent_at: Option<UnixMillis>,
    parsed: Parsed<'h>,
    /// When the headers were judged.
    now: UnixMillis,
}

/// What is known of a request whose signature is right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SignatureMatch {
    key: usize,
    sent_at: Option<UnixMillis>,
}

impl Verifier {
    pub(crate) fn from_parts(
        scheme: Scheme,
        keys: Box<[(Held, Key)]>,
        tolerance: Duration,
        clock: Arc<dyn Clock>,
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

    /// Returns the verifier's clock.
    #[cfg(feature = "verify")]
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Returns the secrets, in the order in which they were given.
    pub(crate) fn secrets(&self) -> Vec<Held> {
        self.0.keys.iter().map(|(held, _)| held.clone()).collect()
    }

    /// Judges a whole request: [`check_headers`](Self::check_headers), then
    /// [`check_body`](Self::check_body).
    ///
    /// # Errors
    ///
    /// [`VerifyError`] says which header is wrong and how, or that no signature matches.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<SignatureMatch, VerifyError> {
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
    ) -> Result<CheckedHeaders<'h>, VerifyError> {
        let Inner { scheme, .. } = &*self.0;
        let now = self.0.clock.now();
        let Read { id, time, parsed } = headers::read(scheme, &self.0.families, headers)?;
        self.0.check_freshness(time, now)?;
        Ok(CheckedHeaders {
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
        signed: &CheckedHeaders<'_>,
        body: &[u8],
    ) -> Result<SignatureMatch, VerifyError> {
        let filling = self.0.filling(signed);
        let mut matching = None;
        // A state of a key is large: it is judged where it was made.
        for (index, key) in self.0.valid_keys(signed) {
            let mut running = key.begin(&filling);
            running.update(body);
            let found = self.0.is_signed(running, signed);
            matching = matching.or(found.then_some(index));
        }
        signed.verdict(matching)
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
    pub(crate) fn filling<'a>(&'a self, signed: &'a CheckedHeaders<'_>) -> Filling<'a> {
        Filling {
            content: &self.scheme.content,
            id: signed.id.unwrap_or_default(),
            time: signed.time,
        }
    }

    /// Returns the keys that have not ended, in their order.
    pub(crate) fn valid_keys(
        &self,
        signed: &CheckedHeaders<'_>,
    ) -> impl Iterator<Item = (usize, &Key)> {
        let now = signed.now;
        let keys = self.keys.iter().enumerate();
        let valid = keys.filter(move |(_, (held, _))| held.is_valid_at(now));
        valid.map(|(index, (_, key))| (index, key))
    }

    /// Ends the work of a key.
    #[inline]
    pub(crate) fn is_signed(&self, running: Running, signed: &CheckedHeaders<'_>) -> bool {
        let filling = self.filling(signed);
        running.has_signed(&filling, &signed.parsed, self.scheme.encoding)
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

impl<'h> CheckedHeaders<'h> {
    /// Says what it means that the secret at `matching` made the signature, or none.
    pub(crate) fn verdict(&self, matching: Option<usize>) -> Result<SignatureMatch, VerifyError> {
        let key = matching.ok_or(VerifyError::Mismatch)?;
        Ok(SignatureMatch {
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

impl fmt::Debug for CheckedHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedHeaders")
            .field("id", &self.id)
            .field("sent_at", &self.sent_at)
            .finish_non_exhaustive()
    }
}

impl SignatureMatch {
    /// Returns the index of the secret that matches, in the order in which they were given.
    #[must_use]
    pub const fn key_index(&self) -> usize {
        self.key
    }

    /// Returns when the sender signed; `None` for a scheme without time.
    #[must_use]
    pub const fn sent_at(&self) -> Option<UnixMillis> {
        self.sent_at
    }
}
