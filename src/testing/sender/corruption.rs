//! Corruptions of genuine requests.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Full;
use serde_json::Value;

use super::FakeSender;
use crate::base::clock::UnixTime;
use crate::base::id::MessageId;
use crate::wire::problem::ProblemKind;
use crate::wire::scheme::{IdSource, Scheme};

/// A fault for which a receiver must refuse a request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Corruption {
    /// One bit of the body is changed.
    Body,
    /// A proxy rewrote the JSON body: the same value in other bytes.
    Reformatted,
    /// One digit of the signature is changed.
    Signature,
    /// The time is one second later than the signed time.
    Timestamp,
    /// The id differs from the signed id.
    Id,
    /// The signature is that of another secret.
    AnotherSecret,
    /// The signature header is missing.
    SignatureMissing,
    /// The timestamp header is missing.
    TimestampMissing,
    /// The id header is missing.
    IdMissing,
    /// The signature header is repeated.
    SignatureDoubled,
    /// The timestamp header is repeated.
    TimestampDoubled,
    /// The id header is repeated.
    IdDoubled,
    /// The signature is two hours old, which is more than any tolerance.
    TooOld,
    /// The sender's clock is two hours ahead.
    TooNew,
}

impl Corruption {
    /// Every corruption, in the order of this page.
    pub const ALL: [Self; 14] = [
        Self::Body,
        Self::Reformatted,
        Self::Signature,
        Self::Timestamp,
        Self::Id,
        Self::AnotherSecret,
        Self::SignatureMissing,
        Self::TimestampMissing,
        Self::IdMissing,
        Self::SignatureDoubled,
        Self::TimestampDoubled,
        Self::IdDoubled,
        Self::TooOld,
        Self::TooNew,
    ];

    /// Returns the problem of the required response, by the order of checks of
    /// [`verify`](crate::receive::verify).
    #[must_use]
    pub const fn refusal(self) -> ProblemKind {
        match self {
            Self::Body
            | Self::Reformatted
            | Self::Signature
            | Self::Timestamp
            | Self::Id
            | Self::AnotherSecret => ProblemKind::SIGNATURE_MISMATCH,
            Self::SignatureMissing | Self::TimestampMissing | Self::IdMissing => {
                ProblemKind::SIGNATURE_MISSING
            }
            Self::SignatureDoubled | Self::TimestampDoubled | Self::IdDoubled => {
                ProblemKind::HEADER_MALFORMED
            }
            Self::TooOld | Self::TooNew => ProblemKind::TIMESTAMP_STALE,
        }
    }

    /// Returns the corrupted request; `None` if the corruption does not apply.
    pub(super) fn make(
        self,
        sender: &FakeSender,
        id: &MessageId,
        body: &Bytes,
    ) -> Option<Request<Full<Bytes>>> {
        if self.is_about_time() && !sender.scheme.has_time() {
            return None;
        }
        let names = SchemeHeaders::of(&sender.scheme);
        let now = sender.now();
        let signed_at = |time| sender.headers(&sender.signer, time, id, body);
        let mut headers = signed_at(now);
        let mut sent = body.clone();
        match self {
            Self::Body => sent = with_other_bit(body),
            Self::Reformatted => sent = reformatted(body)?,
            Self::Signature => alter(&mut headers, names.signature, |len| len - TAIL)?,
            Self::Id => alter(&mut headers, names.needed_id?, |_| 0)?,
            Self::Timestamp => {
                let newer = signed_at(after(now, 1));
                headers = with_signature_of(newer, &headers, names.signature)?;
            }
            Self::AnotherSecret => headers = sender.headers(&sender.stranger, now, id, body),
            Self::SignatureMissing => drop(headers.remove(names.signature)),
            Self::TimestampMissing => drop(headers.remove(names.needed_timestamp?)),
            Self::IdMissing => drop(headers.remove(names.needed_id?)),
            Self::SignatureDoubled => double(&mut headers, names.signature)?,
            Self::TimestampDoubled => double(&mut headers, names.timestamp?)?,
            Self::IdDoubled => double(&mut headers, names.id?)?,
            Self::TooOld => headers = signed_at(before(now, TWO_HOURS)),
            Self::TooNew => headers = signed_at(after(now, TWO_HOURS)),
        }
        Some(sender.carrying(headers, sent))
    }

    const fn is_about_time(self) -> bool {
        matches!(self, Self::Timestamp | Self::TooOld | Self::TooNew)
    }
}

/// The header names of a scheme.
struct SchemeHeaders {
    id: Option<&'static str>,
    /// The id header, if the signed content contains it.
    needed_id: Option<&'static str>,
    timestamp: Option<&'static str>,
    /// The timestamp header, unless it repeats the time of the signature header.
    needed_timestamp: Option<&'static str>,
    signature: &'static str,
}

impl SchemeHeaders {
    fn of(scheme: &Scheme) -> Self {
        let family = &scheme.family;
        let signs_id = scheme.id_source() == IdSource::SignedHeader;
        let repeats_time = scheme.grammar.has_time();
        Self {
            id: family.id,
            needed_id: family.id.filter(|_| signs_id),
            timestamp: family.timestamp,
            needed_timestamp: family.timestamp.filter(|_| !repeats_time),
            signature: family.signature,
        }
    }
}

fn with_other_bit(body: &[u8]) -> Bytes {
    let mut bytes = body.to_vec();
    let middle = bytes.len() / 2;
    match bytes.get_mut(middle) {
        Some(byte) => *byte ^= 1,
        None => bytes.push(0),
    }
    bytes.into()
}

/// Writes JSON on several lines.
fn reformatted(body: &[u8]) -> Option<Bytes> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let mut text = serde_json::to_vec_pretty(&value).ok()?;
    if text == body {
        // Formatters end a text with a line end.
        text.push(b'\n');
    }
    Some(text.into())
}

/// Replaces the digit or letter at index `at(length)` of the value.
fn alter(headers: &mut HeaderMap, name: &str, at: impl Fn(usize) -> usize) -> Option<()> {
    let value = headers.get_mut(name)?;
    let mut bytes = value.as_bytes().to_vec();
    let byte = bytes.get_mut(at(value.len()))?;
    *byte = if *byte == b'a' { b'b' } else { b'a' };
    *value = HeaderValue::from_maybe_shared(Bytes::from(bytes)).ok()?;
    Some(())
}

fn double(headers: &mut HeaderMap, name: &'static str) -> Option<()> {
    let value = headers.get(name)?.clone();
    headers.append(name, value);
    Some(())
}

/// Copies the signature of `signed` into `headers` and keeps their time.
fn with_signature_of(mut headers: HeaderMap, signed: &HeaderMap, name: &str) -> Option<HeaderMap> {
    let value = headers.get_mut(name)?;
    let signature = signed.get(name)?.to_str().ok()?;
    let text = match (
        value.to_str().ok()?.split_once(','),
        signature.split_once(','),
    ) {
        (Some((time, _)), Some((_, signature))) if time.starts_with("t=") => {
            format!("{time},{signature}")
        }
        _ => signature.to_owned(),
    };
    *value = HeaderValue::try_from(text).ok()?;
    Some(headers)
}

const fn after(time: UnixTime, secs: u64) -> UnixTime {
    UnixTime::from_secs(time.as_secs().saturating_add(secs))
}

pub(super) const fn before(time: UnixTime, secs: u64) -> UnixTime {
    UnixTime::from_secs(time.as_secs().saturating_sub(secs))
}

/// A verifier's tolerance is an hour at most.
const TWO_HOURS: u64 = 2 * 60 * 60;

/// Distance from the end of a header's value to a digit of the signature whose bits all count.
const TAIL: usize = 10;
