//! Fixed-size keys of a message.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::base::clock::UnixMillis;

/// Time for which a handled message is remembered.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Key of a message: 128 bits of a SHA-256 over its parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DedupeKey([u8; 16]);

impl Hash for DedupeKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Omits the length, which is constant.
        state.write(&self.0);
    }
}

impl DedupeKey {
    /// Returns the key's bytes, to store and to compare.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the first half, which is evenly spread.
    pub(super) const fn half(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// Keys of a message, and the token by which one request claims them.
///
/// Derived anew for each request; holds no text from the sender.
#[derive(Clone, Debug)]
pub struct DedupeKeys {
    token: u64,
    derived: DerivedKeys,
    body: u64,
    retention: Duration,
    replay_window: Duration,
}

#[derive(Clone, Debug)]
struct DerivedKeys {
    key: DedupeKey,
    replay_key: Option<DedupeKey>,
    id_key: Option<DedupeKey>,
    affinity: u64,
}

impl DerivedKeys {
    const fn of(key: DedupeKey) -> Self {
        Self {
            key,
            replay_key: None,
            id_key: None,
            affinity: key.half(),
        }
    }
}

impl DedupeKeys {
    /// Creates keys without hashing.
    #[cfg(test)]
    pub(super) const fn of_two_keys(keys: [u128; 2], affinity: u64) -> Self {
        let [key, replay_key] = keys;
        Self {
            token: 0,
            derived: DerivedKeys {
                replay_key: Some(DedupeKey(replay_key.to_be_bytes())),
                affinity,
                ..DerivedKeys::of(DedupeKey(key.to_be_bytes()))
            },
            body: 0,
            retention: RETENTION,
            replay_window: RETENTION,
        }
    }

    /// Returns the token that fences this claim. No two requests with the same key have the same
    /// token.
    #[must_use]
    pub const fn token(&self) -> u64 {
        self.token
    }

    /// Returns the key of the message: claims use it, and it identifies a sender's retry.
    #[must_use]
    pub const fn key(&self) -> DedupeKey {
        self.derived.key
    }

    /// Returns the key of the request, from its time and body, if the id is not signed. It
    /// identifies the same bytes under another id.
    ///
    /// Each request leaves it with its [`key`](Self::key), with any outcome, for
    /// [`replay_window`](Self::replay_window) from its arrival. It contains the signed time, and
    /// the layer refuses a request with an older time earlier.
    #[must_use]
    pub const fn replay_key(&self) -> Option<DedupeKey> {
        self.derived.replay_key
    }

    /// Returns the key of the id alone, if the id is not authentic. It blocks nothing: a store that
    /// has seen it with another [`body`](Self::body) reports that in [`Claimed::Fresh`].
    ///
    /// [`Claimed::Fresh`]: super::port::Claimed::Fresh
    #[must_use]
    pub const fn id_key(&self) -> Option<DedupeKey> {
        self.derived.id_key
    }

    /// Returns a number that is equal for all keys with a key in common; it selects their shard.
    #[must_use]
    pub const fn affinity(&self) -> u64 {
        self.derived.affinity
    }

    /// Returns 64 bits of the body's digest, for comparison in the log only; 0 without an
    /// [`id_key`](Self::id_key).
    #[must_use]
    pub const fn body(&self) -> u64 {
        self.body
    }

    /// Returns how long a commit is remembered: 7 days, or the
    /// [`replay_window`](Self::replay_window) if the message has only a time.
    #[must_use]
    pub const fn retention(&self) -> Duration {
        self.retention
    }

    /// Returns how long a request could be replayed after its arrival, and must be known: 15
    /// minutes, or more with a tolerance above five minutes.
    #[must_use]
    pub const fn replay_window(&self) -> Duration {
        self.replay_window
    }
}

/// Identity of a message: its id, and whether the signature covers it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Identity<'a> {
    /// The id is under the signature.
    Signed(&'a str),
    /// The id, if any, comes from a header outside the signature.
    Unsigned {
        id: Option<&'a str>,
        /// SHA-256 of the body.
        body: [u8; 32],
    },
}

impl<'a> Identity<'a> {
    pub(crate) fn unsigned(id: Option<&'a str>, body: impl AsRef<[u8]>) -> Self {
        let body = Sha256::digest(body).into();
        Self::Unsigned { id, body }
    }

    pub(crate) const fn id(self) -> Option<&'a str> {
        match self {
            Self::Signed(id) => Some(id),
            Self::Unsigned { id, .. } => id,
        }
    }

    pub(crate) const fn is_authentic(self) -> bool {
        matches!(self, Self::Signed(_))
    }
}

/// Input of the keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// Tenant whose secret made the signature, if each tenant has its own.
    pub(crate) tenant: Option<&'a str>,
    pub(crate) identity: Identity<'a>,
    pub(crate) sent_at: Option<UnixMillis>,
    /// Time after its first arrival for which the same request could pass the time check again.
    pub(crate) replayable: Duration,
}

/// Derives the keys of one source.
#[derive(Clone, Debug)]
pub(crate) struct KeyDeriver {
    /// State of the hash after the source: the same for every key.
    source: Sha256,
}

impl KeyDeriver {
    pub(crate) fn new(source: &str) -> Self {
        // 64 bytes together, one block of SHA-256: hashed once here and not for every key.
        let source = Sha256::new()
            .chain_update(b"tower-auth-sync dedupe keys, v1\0")
            .chain_update(Sha256::digest(source));
        Self { source }
    }

    /// Derives the keys of the message. Two tenants have no key in common.
    pub(crate) fn derive(&self, token: u64, message: &Message<'_>) -> DedupeKeys {
        match message.tenant {
            None => self.derive_in(token, message),
            Some(tenant) => self.within(tenant).derive_in(token, message),
        }
    }

    fn within(&self, tenant: &str) -> Self {
        // No kind of key is `T`: keys without a tenant differ from all of these.
        let source = self.source.clone().chain_update(b"T");
        Self {
            source: source.chain_update(Sha256::digest(tenant)),
        }
    }

    fn derive_in(&self, token: u64, message: &Message<'_>) -> DedupeKeys {
        let (derived, body) = match message.identity {
            // Ignores the body: every request with this id is the same message.
            Identity::Signed(id) => (DerivedKeys::of(self.id_key(id)), 0),
            Identity::Unsigned { id, body } => {
                let derived = self.unsigned_keys(id, message.sent_at, &body);
                (derived, first_half(&body))
            }
        };
        DedupeKeys {
            token,
            derived,
            body,
            retention: match (message.identity, message.sent_at) {
                (Identity::Unsigned { id: None, .. }, Some(_)) => message.replayable,
                _ => RETENTION,
            },
            replay_window: message.replayable,
        }
    }

    fn unsigned_keys(
        &self,
        id: Option<&str>,
        sent_at: Option<UnixMillis>,
        digest: &[u8; 32],
    ) -> DerivedKeys {
        let key = match (id, sent_at) {
            (Some(id), Some(_)) => self.id_and_body_key(id, digest),
            (None, Some(at)) => self.idless_key(at, digest),
            (_, None) => self.body_key(digest),
        };
        DerivedKeys {
            key,
            replay_key: sent_at.map(|at| self.time_key(at, digest)),
            id_key: id.map(|id| self.id_key(id)),
            affinity: first_half(digest),
        }
    }

    fn id_key(&self, id: &str) -> DedupeKey {
        self.key(b'i', &[id.as_bytes()])
    }

    fn id_and_body_key(&self, id: &str, digest: &[u8; 32]) -> DedupeKey {
        self.key(b'm', &[digest, id.as_bytes()])
    }

    fn time_key(&self, sent_at: UnixMillis, digest: &[u8; 32]) -> DedupeKey {
        self.key(b't', &[digest, &sent_at.as_millis().to_be_bytes()])
    }

    /// Derives the key of a message without id; as [`time_key`](Self::time_key), under another
    /// kind.
    fn idless_key(&self, sent_at: UnixMillis, digest: &[u8; 32]) -> DedupeKey {
        self.key(b'n', &[digest, &sent_at.as_millis().to_be_bytes()])
    }

    fn body_key(&self, digest: &[u8; 32]) -> DedupeKey {
        self.key(b'b', &[digest])
    }

    /// At most the last part may vary in length: else two lists of parts could be one text.
    fn key(&self, kind: u8, parts: &[&[u8]]) -> DedupeKey {
        let mut hash = self.source.clone().chain_update([kind]);
        for part in parts {
            hash.update(part);
        }
        let mut key = [0; 16];
        let digest: [u8; 32] = hash.finalize().into();
        key.copy_from_slice(&digest[..16]);
        DedupeKey(key)
    }
}

fn first_half(digest: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *digest;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
