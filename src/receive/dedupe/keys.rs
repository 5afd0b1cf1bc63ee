//! The names of a message, as fixed-size keys, and the keys that claims them.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::base::clock::UnixMillis;

/// How long a handled message is remembered.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A name of a message: 128 bits of a SHA-256 over everything that makes it up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DedupeKey([u8; 16]);

impl Hash for DedupeKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Without the length, which is always the same.
        state.write(&self.0);
    }
}

impl DedupeKey {
    /// Returns the key's bytes, to store and to compare.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the first half, which is as evenly spread as any.
    pub(super) const fn half(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// A message's keys and the token by which one request claims them.
///
/// Made anew for each request; holds no text of the sender's.
#[derive(Clone, Debug)]
pub struct DedupeKeys {
    token: u64,
    names: DerivedKeys,
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
    /// Makes a keys of two names without hashing anything.
    #[cfg(test)]
    pub(super) const fn of_two_keys(names: [u128; 2], affinity: u64) -> Self {
        let [key, replay_key] = names;
        Self {
            token: 0,
            names: DerivedKeys {
                replay_key: Some(DedupeKey(replay_key.to_be_bytes())),
                affinity,
                ..DerivedKeys::of(DedupeKey(key.to_be_bytes()))
            },
            body: 0,
            retention: RETENTION,
            replay_window: RETENTION,
        }
    }

    /// Returns what fences this claim: no other keys for the same keys has the same token.
    #[must_use]
    pub const fn token(&self) -> u64 {
        self.token
    }

    /// Returns the message's name: what is claimed, and by which a sender's retry is known again.
    #[must_use]
    pub const fn key(&self) -> DedupeKey {
        self.names.key
    }

    /// Returns the name of the request itself, its time and body, where the id is not signed: by it
    /// the same bytes are known under another id.
    ///
    /// Each request leaves it with its [`key`](Self::key), whatever becomes of it, for
    /// [`replay_window`](Self::replay_window) from its arrival on: it contains the signed time, and a request with an
    /// older one is refused before it gets here.
    #[must_use]
    pub const fn replay_key(&self) -> Option<DedupeKey> {
        self.names.replay_key
    }

    /// Returns what names the id alone, where the id is not authentic. It blocks nothing: a store
    /// that has seen it with another [`body`](Self::body) says so in [`Claimed::Fresh`].
    ///
    /// [`Claimed::Fresh`]: super::port::Claimed::Fresh
    #[must_use]
    pub const fn id_key(&self) -> Option<DedupeKey> {
        self.names.id_key
    }

    /// Returns a number that is the same for all all_keys that have a key in common: the shard that
    /// holds both keys.
    #[must_use]
    pub const fn affinity(&self) -> u64 {
        self.names.affinity
    }

    /// Returns 64 bits of the body's digest, to be compared for the log only; 0 where there is no
    /// [`id_key`](Self::id_key).
    #[must_use]
    pub const fn body(&self) -> u64 {
        self.body
    }

    /// Returns how long a commit is remembered: 7 days, or as [`replay_window`](Self::replay_window) where only the
    /// time names the message.
    #[must_use]
    pub const fn retention(&self) -> Duration {
        self.retention
    }

    /// Returns how long a request could be replayed, and must be known, after its arrival: 15
    /// minutes, or more with a tolerance above five minutes.
    #[must_use]
    pub const fn replay_window(&self) -> Duration {
        self.replay_window
    }
}

/// What the signature says about a message's id.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Identity<'a> {
    /// The id is under the signature.
    Signed(&'a str),
    /// The id, if any, is in a header that is not under the signature.
    Unsigned(Option<&'a str>),
}

impl<'a> Identity<'a> {
    pub(crate) const fn id(self) -> Option<&'a str> {
        match self {
            Self::Signed(id) => Some(id),
            Self::Unsigned(id) => id,
        }
    }

    pub(crate) const fn is_authentic(self) -> bool {
        matches!(self, Self::Signed(_))
    }
}

/// What a keys is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// Whose keys made the signature, where each tenant has its own.
    pub(crate) tenant: Option<&'a str>,
    pub(crate) identity: Identity<'a>,
    pub(crate) sent_at: Option<UnixMillis>,
    pub(crate) body: &'a [u8],
    /// How long after its first arrival the same request could pass the check of its time again.
    pub(crate) replayable: Duration,
}

/// Makes all_keys for one source.
#[derive(Clone, Debug)]
pub(crate) struct KeyDeriver {
    /// The state of the hash after the source: the same for every key.
    source: Sha256,
}

impl KeyDeriver {
    pub(crate) fn new(source: &str) -> Self {
        // 64 bytes together, a block of SHA-256: it is hashed here, and not again for every key.
        let source = Sha256::new()
            .chain_update(b"tower-auth-sync dedupe keys, v1\0")
            .chain_update(Sha256::digest(source));
        Self { source }
    }

    /// DerivedKeys the message; two tenants have no name in common.
    pub(crate) fn keys(&self, token: u64, message: &Message<'_>) -> DedupeKeys {
        match message.tenant {
            None => self.named(token, message),
            Some(tenant) => self.within(tenant).named(token, message),
        }
    }

    fn within(&self, tenant: &str) -> Self {
        // No kind of key is `T`: the names of a receiver without tenants are none of these.
        let source = self.source.clone().chain_update(b"T");
        Self {
            source: source.chain_update(Sha256::digest(tenant)),
        }
    }

    fn named(&self, token: u64, message: &Message<'_>) -> DedupeKeys {
        let (names, body) = match message.identity {
            // The body is not looked at: what else comes under this id is the same message.
            Identity::Signed(id) => (DerivedKeys::of(self.of_id(id)), 0),
            Identity::Unsigned(id) => {
                let digest = Sha256::digest(message.body).into();
                let names = self.unsigned_names(id, message.sent_at, &digest);
                (names, first_half(&digest))
            }
        };
        DedupeKeys {
            token,
            names,
            body,
            retention: match (message.identity, message.sent_at) {
                (Identity::Unsigned(None), Some(_)) => message.replayable,
                _ => RETENTION,
            },
            replay_window: message.replayable,
        }
    }

    fn unsigned_names(
        &self,
        id: Option<&str>,
        sent_at: Option<UnixMillis>,
        digest: &[u8; 32],
    ) -> DerivedKeys {
        let key = match (id, sent_at) {
            (Some(id), Some(_)) => self.of_id_and_body(id, digest),
            (None, Some(at)) => self.of_nameless(at, digest),
            (_, None) => self.of_body(digest),
        };
        DerivedKeys {
            key,
            replay_key: sent_at.map(|at| self.of_time(at, digest)),
            id_key: id.map(|id| self.of_id(id)),
            affinity: first_half(digest),
        }
    }

    fn of_id(&self, id: &str) -> DedupeKey {
        self.key(b'i', &[id.as_bytes()])
    }

    fn of_id_and_body(&self, id: &str, digest: &[u8; 32]) -> DedupeKey {
        self.key(b'm', &[digest, id.as_bytes()])
    }

    fn of_time(&self, sent_at: UnixMillis, digest: &[u8; 32]) -> DedupeKey {
        self.key(b't', &[digest, &sent_at.as_millis().to_be_bytes()])
    }

    /// As [`of_time`](Self::of_time), but the name of the message and not of the request.
    fn of_nameless(&self, sent_at: UnixMillis, digest: &[u8; 32]) -> DedupeKey {
        self.key(b'n', &[digest, &sent_at.as_millis().to_be_bytes()])
    }

    fn of_body(&self, digest: &[u8; 32]) -> DedupeKey {
        self.key(b'b', &[digest])
    }

    /// At most the last part may vary in length, or two lists of parts would be one text.
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
