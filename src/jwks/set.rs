//! A set of public keys, read key by key.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::jwk::{Jwk, KeyRejected};
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
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IgnoredKey {
    /// Where it stands in `keys`, counted from 0.
    pub index: usize,
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
    #[error("none of the keys can verify a token ({} ignored)", .ignored.len())]
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
    /// [`ignored`](Self::ignored) and logged; a key that carries private members is logged as an
    /// error, because it has been published.
    ///
    /// # Errors
    ///
    /// [`KeySetError`], also where no key is left: an empty set would refuse every token, and must
    /// not replace a good one.
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
        let document: Document<'_> =
            serde_json::from_str(text).map_err(|_error| KeySetError::Json)?;
        check_count(document.keys.len())?;
        let mut keys = Vec::with_capacity(document.keys.len());
        let mut ignored = Vec::new();
        for (index, key) in document.keys.into_iter().enumerate() {
            match VerifyingKey::from_jwk(key.get()) {
                Ok(key) => keys.push(key),
                Err(reason) => ignored.push(IgnoredKey { index, reason }),
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

    fn find(&self, query: &KeyQuery<'_>) -> Result<&VerifyingKey, LookupError> {
        let fits = |key: &&VerifyingKey| {
            key.algorithm() == query.algorithm
                && query
                    .id
                    .is_none_or(|id| key.id().is_some_and(|own| own.as_str() == id))
        };
        let mut fitting = self.keys.iter().filter(fits);
        let first = fitting.next().ok_or(LookupError::Unknown)?;
        if fitting.next().is_some() {
            return Err(LookupError::Ambiguous);
        }
        Ok(first)
    }
}

impl KeySource for KeySet {
    fn lookup(&self, query: &KeyQuery<'_>) -> Lookup {
        match self.find(query) {
            Ok(key) => Lookup::Found(key.clone()),
            Err(why) => Lookup::Miss(why),
        }
    }
}

impl IgnoredKey {
    fn log(&self) {
        let Self { index, reason } = self;
        if matches!(reason, KeyRejected::Private | KeyRejected::Symmetric) {
            tracing::error!(index, %reason, "a JWKS publishes a secret key");
        } else {
            tracing::warn!(index, %reason, "a key of a JWKS is ignored");
        }
    }
}

const fn check_count(actual: usize) -> Result<(), KeySetError> {
    if actual > MAX_KEYS {
        Err(KeySetError::TooManyKeys { actual })
    } else {
        Ok(())
    }
}
