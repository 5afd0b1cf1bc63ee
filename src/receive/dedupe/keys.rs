//! Fixed-size keys of a message.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::base::clock::UnixMillis;

/// Time for which a handled message is remembered.
pub(crate) const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A key: 128 bits of a SHA-256 over its parts.
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
}

/// Keys of a message, and the token by which one request claims them.
///
/// Derived anew for each request; holds no text from the sender.
#[derive(Clone, Debug)]
pub struct DedupeKeys {
    token: u64,
    key: DedupeKey,
    replay_key: Option<DedupeKey>,
    id_key: Option<DedupeKey>,
    affinity: u16,
    retention: Duration,
    replay_window: Duration,
}

impl DedupeKeys {
    /// Returns the token that fences this claim. No two requests with the same key have the same
    /// token.
    #[must_use]
    pub const fn token(&self) -> u64 {
        self.token
    }

    /// Returns the key of the message, which a request claims.
    #[must_use]
    pub const fn key(&self) -> DedupeKey {
        self.key
    }

    /// Returns the key of the request, if its id is not signed but its time is. The message that
    /// leaves it first owns it: the same bytes under another id are not a new message.
    #[must_use]
    pub const fn replay_key(&self) -> Option<DedupeKey> {
        self.replay_key
    }

    /// Returns the key of the id, if it is not signed. The message that was claimed last under it
    /// owns it. It blocks nothing: [`Claimed::Fresh`] reports that another message owned it.
    ///
    /// [`Claimed::Fresh`]: super::port::Claimed::Fresh
    #[must_use]
    pub const fn id_key(&self) -> Option<DedupeKey> {
        self.id_key
    }

    /// Returns a number that is equal for all messages that can have a replay key in common.
    pub(super) const fn affinity(&self) -> u16 {
        self.affinity
    }

    /// Returns how long a commit is remembered: 7 days, or the
    /// [`replay_window`](Self::replay_window) if the message has only a time.
    #[must_use]
    pub const fn retention(&self) -> Duration {
        self.retention
    }

    /// Returns how long a message owns a key, from the claim: 15 minutes, or more with a tolerance
    /// above five minutes. Later the layer refuses the same request by its time.
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
    Unsigned { id: Option<&'a str>, body: &'a [u8] },
}

impl<'a> Identity<'a> {
    pub(crate) fn unsigned(id: Option<&'a str>, body: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        let body = body.as_ref();
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
        let own = |key| DedupeKeys {
            token,
            key,
            replay_key: None,
            id_key: None,
            affinity: prefix(&key.0),
            retention: RETENTION,
            replay_window: message.replayable,
        };
        let (id, body) = match message.identity {
            // Every request with this id is the same message.
            Identity::Signed(id) => return own(self.id_key(id)),
            Identity::Unsigned { id, body } => (id, Sha256::digest(body)),
        };
        let at = message.sent_at.map(|at| at.as_millis().to_be_bytes());
        let (key, retention) = match (id, at) {
            (Some(id), Some(_)) => (self.key(b'm', &[&body, id.as_bytes()]), RETENTION),
            (None, Some(at)) => (self.key(b'n', &[&body, &at]), message.replayable),
            (_, None) => (self.key(b'b', &[&body]), RETENTION),
        };
        DedupeKeys {
            replay_key: at.map(|at| self.key(b't', &[&body, &at])),
            id_key: id.map(|id| self.id_key(id)),
            affinity: prefix(&body),
            retention,
            ..own(key)
        }
    }

    fn id_key(&self, id: &str) -> DedupeKey {
        self.key(b'i', &[id.as_bytes()])
    }

    /// At most the last part may vary in length: else two lists of parts could be one text.
    fn key(&self, kind: u8, parts: &[&[u8]]) -> DedupeKey {
        let mut hash = self.source.clone().chain_update([kind]);
        for part in parts {
            hash.update(part);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize()[..16]);
        DedupeKey(key)
    }
}

/// Returns the first bits of a key or digest, which are evenly spread.
pub(super) fn prefix(bytes: &[u8]) -> u16 {
    bytes.first_chunk().copied().map_or(0, u16::from_be_bytes)
}
