//! A set of public keys, read key by key.

use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, JwkSet};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroize as _;

use super::ignored_key::IgnoredKey;
use super::jwk::Jwk;
use super::key_id::KeyId;
use super::key_rejected::json_damage;
use super::key_source::{KeyQuery, KeySource, Lookup, LookupError};
use super::verifying_key::VerifyingKey;

/// Public keys in memory. Copies share them.
///
/// As a [`KeySource`] a set never waits.
///
/// ```
/// use tower_auth_sync::token::{Algorithm, KeySet, SigningKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::generate(Algorithm::Es256)?;
/// let keys = KeySet::new([key.verifying_key().clone()])?;
/// let read = KeySet::from_json(keys.to_json())?;
/// assert_eq!(read.keys()[0].id(), Some(key.id()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Arc<[VerifyingKey]>,
    ignored: Arc<[IgnoredKey]>,
}

/// Why a key set cannot be made.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeySetError {
    /// The document has more than [`MAX_SET_LEN`] bytes.
    #[error("the JWKS has {actual} bytes; at most {MAX_SET_LEN} are read")]
    TooLong {
        /// The length in bytes.
        actual: usize,
    },
    /// An environment variable, a shell or the like changed the document.
    #[error("the JSON of the JWKS is damaged: {0}")]
    Damaged(&'static str),
    /// The document is not a JSON object with an array `keys`.
    #[error("the JWKS is not a JSON object with an array `keys`")]
    Json,
    /// There are more than [`MAX_KEYS`] keys.
    #[error("there are {actual} keys; at most {MAX_KEYS} are taken")]
    TooManyKeys {
        /// The number of keys.
        actual: usize,
    },
    /// No key can verify a token.
    #[error("none of the keys can verify a token: {}", reasons(.ignored))]
    NoKeys {
        /// Each key, with the reason.
        ignored: Arc<[IgnoredKey]>,
    },
}

impl KeySet {
    /// Creates a set of `keys`.
    ///
    /// # Errors
    ///
    /// [`KeySetError::NoKeys`] and [`KeySetError::TooManyKeys`].
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, KeySetError> {
        Self::of(keys.into_iter().collect(), Vec::new())
    }

    /// Reads a JWKS document (RFC 7517 §5).
    ///
    /// Each key is checked by itself. A key that must not verify tokens is left out, listed in
    /// [`ignored`](Self::ignored) and logged with its `kid` and the reason. A key with private members
    /// is logged as an error, because it has been published.
    ///
    /// The same key may appear twice, under one `kid` or two. Different keys under one `kid` stay in
    /// the set, and tokens with that `kid` are refused ([`LookupError::SharedId`]).
    ///
    /// # Errors
    ///
    /// [`KeySetError`], also if no key is left: an empty set would refuse every token, and must not
    /// replace a good one. The error names the reason for each key.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct ReadSet<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }

        let json = json.as_ref();
        if json.len() > MAX_SET_LEN {
            return Err(KeySetError::TooLong { actual: json.len() });
        }
        let text = str::from_utf8(json).map_err(|_error| KeySetError::Json)?;
        let set: ReadSet<'_> = serde_json::from_str(text)
            .map_err(|_error| json_damage(text).map_or(KeySetError::Json, KeySetError::Damaged))?;
        check_count(set.keys.len())?;
        let mut keys = Vec::with_capacity(set.keys.len());
        let mut ignored = Vec::new();
        for (index, key) in set.keys.into_iter().enumerate() {
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

    /// Returns the keys of the document that do not verify tokens, with the reasons.
    #[must_use]
    pub fn ignored(&self) -> &[IgnoredKey] {
        &self.ignored
    }

    /// Returns the JWKS document, with public members only. A key has an `alg` if it names one.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct PublishedSet {
            keys: Vec<Jwk>,
        }
        let keys = self.keys.iter().map(VerifyingKey::to_jwk).collect();
        // Texts cannot fail to serialize.
        serde_json::to_string(&PublishedSet { keys }).unwrap_or_default()
    }

    fn find(&self, query: &KeyQuery<'_>) -> Result<VerifyingKey, LookupError> {
        let has_id = |id: Option<&KeyId>| id.map(KeyId::as_str) == query.id;
        let named = self
            .keys
            .iter()
            .filter(|key| query.id.is_none() || has_id(key.id()));
        let mut fitting =
            named.filter_map(|key| key.for_algorithm(query.algorithm, query.is_first));
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

/// Takes a key set that [`jsonwebtoken`](super::jsonwebtoken) has read, with all checks and reports of
/// [`KeySet::from_json`].
///
/// That crate has dropped what it does not know: private members, a member that stands twice, and
/// `"alg": "Ed25519"`, whose key is left out. Where you have the document, prefer `from_json`.
///
/// ```
/// use tower_auth_sync::token::KeySet;
/// use tower_auth_sync::token::jsonwebtoken::jwk::JwkSet;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let theirs: JwkSet = serde_json::from_str(
///     r#"{"keys": [
///         {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///         {"kty": "oct", "k": "c2VjcmV0"}
///     ]}"#,
/// )?;
/// let keys = KeySet::try_from(theirs)?;
/// assert_eq!((keys.keys().len(), keys.ignored().len()), (1, 1));
/// # Ok(())
/// # }
/// ```
impl TryFrom<JwkSet> for KeySet {
    type Error = KeySetError;

    fn try_from(mut set: JwkSet) -> Result<Self, KeySetError> {
        for key in &mut set.keys {
            if let AlgorithmParameters::OctetKey(secret) = &mut key.algorithm {
                secret.value.zeroize();
            }
        }
        let json = serde_json::to_vec(&set).map_err(|_error| KeySetError::Json)?;
        Self::from_json(json)
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

/// Largest number of keys in a set. A lookup costs time for each key.
pub const MAX_KEYS: usize = 64;

/// Longest JWKS document in bytes: 256 KiB.
pub const MAX_SET_LEN: usize = 256 * 1024;
