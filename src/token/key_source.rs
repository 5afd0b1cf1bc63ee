//! The source of a verifier's keys.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::algorithm::Algorithm;
use super::ignored_key::IgnoredKey;
use super::verifying_key::VerifyingKey;

/// Keys by id.
///
/// # Contract
///
/// 1. [`lookup`](Self::lookup) never blocks. A key in memory is [`Lookup::Found`], so that a cached
///    key costs no wait.
/// 2. A key is found only if it has the query's algorithm, and its id if the query has one, and if no
///    different key has both. Two different keys are [`LookupError::SharedId`] or
///    [`LookupError::Ambiguous`], never the first of them. The same key twice counts once.
/// 3. Keys come from configuration alone. An id is compared and has no other meaning.
///
/// [`KeySet`](super::KeySet) is the source for keys in memory. A source may wrap another one:
///
/// ```
/// use tower_auth_sync::token::{KeyQuery, KeySet, KeySource, Lookup};
///
/// #[derive(Debug)]
/// struct LoggedKeys(KeySet);
///
/// impl KeySource for LoggedKeys {
///     fn lookup(&self, query: &KeyQuery<'_>) -> Lookup {
///         let result = self.0.lookup(query);
///         if let Lookup::Miss(error) = &result {
///             eprintln!("no key for {:?}: {error}", query.id);
///         }
///         result
///     }
/// }
/// ```
pub trait KeySource: fmt::Debug + Send + Sync + 'static {
    /// Looks up the key of `query`.
    fn lookup(&self, query: &KeyQuery<'_>) -> Lookup;
}

/// The key that a token claims to be signed with. Nothing is verified yet.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct KeyQuery<'a> {
    /// The token's `kid`.
    pub id: Option<&'a str>,
    /// The token's `alg`. The verifier allows it.
    pub algorithm: Algorithm,
    /// Whether the verifier lists this algorithm before the others of its type. Keys that name no
    /// algorithm are for the first one.
    pub is_first: bool,
}

impl<'a> KeyQuery<'a> {
    /// Creates the query of a verifier with the default list of algorithms: for the key with this id,
    /// or for the only key of `algorithm`.
    ///
    /// ```
    /// use tower_auth_sync::token::{Algorithm, KeyQuery};
    ///
    /// assert!(KeyQuery::new(Some("2026-11"), Algorithm::Rs256).is_first);
    /// assert!(!KeyQuery::new(Some("2026-11"), Algorithm::Ps256).is_first);
    /// ```
    #[must_use]
    pub fn new(id: Option<&'a str>, algorithm: Algorithm) -> Self {
        let is_first = algorithm.of_same_type().first() == Some(&algorithm);
        Self {
            id,
            algorithm,
            is_first,
        }
    }
}

/// Result of a lookup in a [`KeySource`].
#[non_exhaustive]
pub enum Lookup {
    /// The key.
    Found(VerifyingKey),
    /// There is no key, and waiting would not help.
    Miss(LookupError),
    /// The key must be fetched.
    Wait(KeyFuture),
}

/// A key that is being fetched.
pub type KeyFuture = Pin<Box<dyn Future<Output = Result<VerifyingKey, LookupError>> + Send>>;

/// Why a lookup finds no key.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum LookupError {
    /// No key has this id and this algorithm.
    #[error("no key has the token's id and algorithm")]
    Unknown,
    /// The key with this id was left out of the set.
    #[error("the key with the token's id is not used: {0}")]
    Ignored(IgnoredKey),
    /// Different keys have this id and this algorithm. Their publisher must rename one.
    #[error("more than one key fits: different keys share the token's id and algorithm")]
    SharedId,
    /// The token has no id, and different keys have this algorithm.
    #[error("more than one key fits: the token has no `kid`, and its algorithm has different keys")]
    Ambiguous,
    /// No key set is available. The token may be good.
    #[error("no key set is available")]
    Unavailable {
        /// How long to wait before a retry.
        retry_after: Duration,
        /// The cause, for logs.
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(key) => f.debug_tuple("Found").field(key).finish(),
            Self::Miss(why) => f.debug_tuple("Miss").field(why).finish(),
            Self::Wait(_) => f.write_str("Wait(..)"),
        }
    }
}
