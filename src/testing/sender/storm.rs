//! Many messages on a bad network.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::Value;

use super::FakeSender;
use super::corruption::{Corruption, before};
use crate::base::entropy::{Entropy, random};
use crate::base::id::MessageId;
use crate::wire::scheme::IdSource;

/// A request of a [storm](FakeSender::storm).
#[non_exhaustive]
#[derive(Debug)]
pub struct Sent {
    /// The index of the message in the storm's input, counted from 0.
    pub message: usize,
    /// The request.
    pub request: Request<Full<Bytes>>,
    /// The required response if the requests arrive one after the other and every handler succeeds.
    pub expected: Expected,
}

/// The required response of a receiver.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected {
    /// The handler's success: the first genuine request of this message.
    Handled,
    /// 200, without a call of the handler: a retry of the sender, or a copy.
    Duplicate,
    /// A refusal, without a call of the handler.
    Refused(Corruption),
}

/// Two messages that a receiver cannot distinguish: they have the same id, or the same body in a scheme
/// that identifies messages by their body.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a receiver cannot distinguish the messages {first} and {second}: their ids or bodies are the same"
)]
pub struct SameMessage {
    /// The index of the first.
    pub first: usize,
    /// The index of the second.
    pub second: usize,
}

impl Expected {
    /// Returns whether `status` is valid: 2xx for a handled request, 200 for a duplicate, or 409 while the
    /// first is in progress, and the [refusal](Corruption::refusal) of a corrupted request.
    #[must_use]
    pub fn is_met_by(self, status: StatusCode) -> bool {
        match self {
            Self::Handled => status.is_success(),
            Self::Duplicate => status == StatusCode::OK || status == StatusCode::CONFLICT,
            Self::Refused(corruption) => status == corruption.refusal().status(),
        }
    }
}

impl FakeSender {
    /// Simulates a bad network: returns the arriving requests in order.
    ///
    /// Every message arrives one to three times, late by up to a tenth of the scheme's tolerance: as a
    /// copy of the same request, or as the sender's retry with a new time. A forgery with a random
    /// [`Corruption`] accompanies it. The order is random. The same `entropy` gives the same requests:
    /// pass a [`SeededEntropy`](crate::testing::entropy::SeededEntropy).
    ///
    /// Only its time identifies a request with a time but without an id: such messages have copies and no
    /// retries (see [`dedupe`](crate::receive::dedupe)).
    ///
    /// # Errors
    ///
    /// [`SameMessage`] if a receiver cannot distinguish two of the messages.
    pub fn storm<I, B>(&self, messages: I, entropy: &dyn Entropy) -> Result<Vec<Sent>, SameMessage>
    where
        I: IntoIterator<Item = (MessageId, B)>,
        B: Into<Bytes>,
    {
        let messages = messages.into_iter().map(|(id, body)| (id, body.into()));
        let messages: Vec<(MessageId, Bytes)> = messages.collect();
        self.check_differ(&messages)?;
        let mut storm = Vec::with_capacity(3 * messages.len());
        for (message, (id, body)) in messages.iter().enumerate() {
            let genuine = self.genuine(id, body, entropy).into_iter();
            let genuine = genuine.map(|request| (request, Expected::Duplicate));
            let forged = self.forged(id, body, entropy).into_iter();
            let forged = forged.map(|(request, how)| (request, Expected::Refused(how)));
            storm.extend(genuine.chain(forged).map(|(request, expected)| Sent {
                message,
                request,
                expected,
            }));
        }
        shuffle(&mut storm, entropy);
        let mut seen = HashSet::new();
        for sent in &mut storm {
            if sent.expected == Expected::Duplicate && seen.insert(sent.message) {
                sent.expected = Expected::Handled;
            }
        }
        Ok(storm)
    }

    fn check_differ(&self, messages: &[(MessageId, Bytes)]) -> Result<(), SameMessage> {
        let (mut ids, mut names) = (HashMap::new(), HashMap::new());
        for (second, (id, body)) in messages.iter().enumerate() {
            let same_id = ids.insert(id, second);
            let same_name = names.insert(self.name(id, body), second);
            if let Some(first) = same_id.or(same_name) {
                return Err(SameMessage { first, second });
            }
        }
        Ok(())
    }

    /// Returns the key of a message apart from its time: an authentic id, or the body.
    fn name<'m>(&self, id: &'m MessageId, body: &'m Bytes) -> (Option<Cow<'m, str>>, &'m [u8]) {
        let authentic = match self.scheme.id_source() {
            IdSource::SignedHeader => Some(Cow::Borrowed(id.as_str())),
            IdSource::SignedBody(pointer) => string_at(body, pointer).map(Cow::Owned),
            IdSource::UnsignedHeader => None,
        };
        match authentic {
            Some(id) => (Some(id), b""),
            None => (None, body),
        }
    }

    /// Returns whether a receiver recognizes the message in a request with a new time.
    fn is_recognized(&self, id: &MessageId, body: &Bytes) -> bool {
        let has_id = self.scheme.family.id.is_some();
        has_id || !self.scheme.has_time() || self.name(id, body).0.is_some()
    }

    fn genuine(
        &self,
        id: &MessageId,
        body: &Bytes,
        entropy: &dyn Entropy,
    ) -> Vec<Request<Full<Bytes>>> {
        let sign = || {
            // A tenth of an hour at most.
            let most = u16::try_from(self.scheme.tolerance.as_secs() / 10).unwrap_or(u16::MAX);
            let late = below(usize::from(most) + 1, entropy);
            let signed_at = before(self.now(), late as u64);
            self.request_signed_at(signed_at, id, body.clone())
        };
        let mut requests = vec![sign()];
        for _ in 0..below(3, entropy) {
            let is_retry = self.is_recognized(id, body) && below(2, entropy) == 0;
            requests.push(if is_retry {
                sign()
            } else {
                requests[0].clone()
            });
        }
        requests
    }

    /// Creates a forgery of a random kind, or of the next kind that applies.
    fn forged(
        &self,
        id: &MessageId,
        body: &Bytes,
        entropy: &dyn Entropy,
    ) -> Option<(Request<Full<Bytes>>, Corruption)> {
        let kinds = Corruption::ALL;
        let start = below(kinds.len(), entropy);
        let mut from_start = kinds.iter().cycle().skip(start).take(kinds.len());
        from_start.find_map(|how| Some((self.corrupted(id, body.clone(), *how)?, *how)))
    }
}

fn string_at(body: &[u8], pointer: &str) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let text = value.pointer(pointer)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Shuffles the items (Fisher and Yates).
fn shuffle<T>(items: &mut [T], entropy: &dyn Entropy) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last + 1, entropy));
    }
}

/// Returns a nearly uniform number below `end`.
fn below(end: usize, entropy: &dyn Entropy) -> usize {
    let number = u32::from_le_bytes(random(entropy));
    number as usize % end
}
