//! A set of public keys, read key by key.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::jwk::{Jwk, KeyRejected, json_damage};
use super::key_id::KeyId;
use super::source::{KeyQuery, KeySource, Lookup, LookupError};
use super::verifying::VerifyingKey;

/// Most keys in a set. Looking one up costs time for each.
pub const MAX_KEYS: usize = 64;

/// Longest JWKS document in bytes: 256 KiB.
pub const MAX_SET_LEN: usize = 256 * 1024;

/// Public keys that are all at hand. Copies share them.
///
/// As a [`KeySource`] it never waits.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Arc<[VerifyingKey]>,
    ignored: Arc<[IgnoredKey]>,
}

/// A key of a JWKS that is not used.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IgnoredKey {
    /// Where it stands in `keys`, counted from 0.
    pub index: usize,
    /// Its `kid`, if that can be read.
    pub id: Option<KeyId>,
    /// What is wrong with it.
    pub reason: KeyRejected,
}

/// Why there is no key set.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeySetError {
    /// The document has more than [`MAX_SET_LEN`] bytes.
    #[error("the JWKS has {actual} bytes; at most {MAX_SET_LEN} are read")]
    TooLong {
        /// Its length in bytes.
        actual: usize,
    },
    /// The document was changed on the way here, as by an environment variable or a shell.
    #[error("the JSON of the JWKS is damaged: {0}")]
    Damaged(&'static str),
    /// The document is not a JSON object with an array `keys`.
    #[error("the JWKS is not a JSON object with an array `keys`")]
    Json,
    /// There are more than [`MAX_KEYS`] keys.
    #[error("there are {actual} keys; at most {MAX_KEYS} are taken")]
    TooManyKeys {
        /// How many there are.
        actual: usize,
    },
    /// No key is left that can verify a token.
    #[error("none of the keys can verify a token: {}", reasons(.ignored))]
    NoKeys {
        /// What was wrong with each.
        ignored: Arc<[IgnoredKey]>,
    },
}

impl KeySet {
    /// Makes a set of `keys`.
    ///
    /// # Errors
    ///
    /// [`KeySetError::NoKeys`] and [`KeySetError::TooManyKeys`].
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, KeySetError> {
        Self::of(keys.into_iter().collect(), Vec::new())
    }

    /// Reads a JWKS document (RFC 7517 §5).
    ///
    /// Each key is judged by itself. One that must not verify tokens is left out, listed in
    /// [`ignored`](Self::ignored) and logged with its `kid` and the reason; a key that carries
    /// private members is logged as an error, because it has been published.
    ///
    /// One key may stand there twice, under one `kid` or two. Different keys under one `kid` stay in
    /// the set, and tokens that name them are refused ([`LookupError::SharedId`]).
    ///
    /// # Errors
    ///
    /// [`KeySetError`], also where no key is left: an empty set would refuse every token, and must
    /// not replace a good one. It tells the reason for each key.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct Document<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }

        let json = json.as_ref();
        if json.len() > MAX_SET_LEN {
            return Err(KeySetError::TooLong { actual: json.len() });
        }
        let text = str::from_utf8(json).map_err(|_error| KeySetError::Json)?;
        let document: Document<'_> = serde_json::from_str(text)
            .map_err(|_error| json_damage(text).map_or(KeySetError::Json, KeySetError::Damaged))?;
        check_count(document.keys.len())?;
        let mut keys = Vec::with_capacity(document.keys.len());
        let mut ignored = Vec::new();
        for (index, key) in document.keys.into_iter().enumerate() {
            match VerifyingKey::from_jwk(key.get()) {
                Ok(key) => keys.push(key),
                Err(reason) => ignored.push(IgnoredKey::new(index, key.get(), reason)),
            }
        }
        ignored.iter().for_each(IgnoredKey::log);
        Self::of(keys, ignored)
    }

    fn of(keys: Vec<VerifyingKey>, ignored: Vec<IgnoredKey>) -> Result<Self, KeySetError> {
        let ignored = ignored.into();
        check_count(keys.len())?;
        if keys.is_empty() {
            return Err(KeySetError::NoKeys { ignored });
        }
        let keys = keys.into();
        Ok(Self { keys, ignored })
    }

    /// Returns the keys, in the order of the document.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// Returns which keys of the document are not used, and why.
    #[must_use]
    pub fn ignored(&self) -> &[IgnoredKey] {
        &self.ignored
    }

    /// Returns the JWKS document: public members only.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(serde::Serialize)]
        struct Document {
            keys: Vec<Jwk>,
        }
        let keys = self.keys.iter().map(VerifyingKey::to_jwk).collect();
        // Texts cannot fail to serialize.
        serde_json::to_string(&Document { keys }).unwrap_or_default()
    }

    fn find(&self, query: &KeyQuery<'_>) -> Result<VerifyingKey, LookupError> {
        let has_id = |id: Option<&KeyId>| id.map(KeyId::as_str) == query.id;
        let named = self
            .keys
            .iter()
            .filter(|key| query.id.is_none() || has_id(key.id()));
        let mut fitting = named.filter_map(|key| key.for_algorithm_of(query));
        let Some(first) = fitting.next() else {
            let mut ignored = self.ignored.iter();
            let ignored = ignored.find(|key| key.id.is_some() && has_id(key.id.as_ref()));
            return Err(ignored.map_or(LookupError::Unknown, |key| {
                LookupError::Ignored(key.clone())
            }));
        };
        if fitting.all(|key| key.is_same_key(&first)) {
            Ok(first)
        } else if query.id.is_some() {
            Err(LookupError::SharedId)
        } else {
            Err(LookupError::Ambiguous)
        }
    }
}

impl KeySource for KeySet {
    fn lookup(&self, query: &KeyQuery<'_>) -> Lookup {
        match self.find(query) {
            Ok(key) => Lookup::Found(key),
            Err(why) => Lookup::Miss(why),
        }
    }
}

impl IgnoredKey {
    fn new(index: usize, json: &str, reason: KeyRejected) -> Self {
        #[derive(Deserialize)]
        struct Named {
            kid: String,
        }
        let named = serde_json::from_str(json).ok();
        let id = named.and_then(|Named { kid }| KeyId::new(kid).ok());
        Self { index, id, reason }
    }

    fn log(&self) {
        let Self { index, id, reason } = self;
        let kid = id.as_ref().map(KeyId::as_str);
        if matches!(reason, KeyRejected::Private | KeyRejected::Symmetric) {
            tracing::error!(index, kid, %reason, "a JWKS publishes a secret key");
        } else {
            tracing::warn!(index, kid, %reason, "a key of a JWKS is ignored");
        }
    }
}

impl fmt::Display for IgnoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, id, reason } = self;
        match id {
            Some(id) => write!(f, "key {index} ({:?}): {reason}", id.as_str()),
            None => write!(f, "key {index}: {reason}"),
        }
    }
}

fn reasons(ignored: &[IgnoredKey]) -> String {
    if ignored.is_empty() {
        return "there is none".to_owned();
    }
    let reasons: Vec<_> = ignored.iter().map(IgnoredKey::to_string).collect();
    reasons.join("; ")
}

const fn check_count(actual: usize) -> Result<(), KeySetError> {
    if actual > MAX_KEYS {
        Err(KeySetError::TooManyKeys { actual })
    } else {
        Ok(())
    }
}
