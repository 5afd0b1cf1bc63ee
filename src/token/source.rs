//! Where a verifier gets its keys from.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::algorithm::Algorithm;
use super::set::IgnoredKey;
use super::verifying::VerifyingKey;

/// Keys by id, at once where they are at hand.
///
/// # Contract
///
/// 1. [`lookup`](Self::lookup) never blocks. A key that is at hand is [`Lookup::Found`], so that a
///    cached key costs no wait.
/// 2. A key is found only if it has the id, where one is asked for, and the algorithm of the query,
///    and if no different key has. Two are [`LookupError::SharedId`] or [`LookupError::Ambiguous`],
///    never the first; one key that stands there twice is one.
/// 3. Keys come from configuration alone. The id is compared and otherwise means nothing.
pub trait KeySource: Debug + Send + Sync + 'static {
    /// Looks the key up that `query` names.
    fn lookup(&self, query: &KeyQuery<'_>) -> Lookup;
}

/// Which key a token says it was signed with. Nothing in it is verified yet.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct KeyQuery<'a> {
    /// The token's `kid`.
    pub id: Option<&'a str>,
    /// The token's `alg`, one of those that the verifier allows.
    pub algorithm: Algorithm,
    /// Whether the verifier lists this algorithm before the others of its type: it is then the one
    /// of keys that name none.
    pub is_first: bool,
}

impl<'a> KeyQuery<'a> {
    /// Asks for the key with this id, or for the only one of `algorithm`, on behalf of a verifier
    /// with the default list of algorithms.
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

/// What a [`KeySource`] answers.
#[non_exhaustive]
pub enum Lookup {
    /// Here it is.
    Found(VerifyingKey),
    /// There is none, and waiting would not help.
    Miss(LookupError),
    /// It has to be fetched.
    Wait(KeyFuture),
}

/// A key on its way.
pub type KeyFuture = Pin<Box<dyn Future<Output = Result<VerifyingKey, LookupError>> + Send>>;

/// Why there is no key.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum LookupError {
    /// No key has this id and this algorithm.
    #[error("no key has the token's id and algorithm")]
    Unknown,
    /// The key with this id was left out of the set.
    #[error("the key with the token's id is not used: {0}")]
    Ignored(IgnoredKey),
    /// Different keys have this id and this algorithm. Whoever published them must rename one.
    #[error("more than one key fits: different keys share the token's id and algorithm")]
    SharedId,
    /// The token has no id, and different keys have this algorithm.
    #[error("more than one key fits: the token has no `kid`, and its algorithm has different keys")]
    Ambiguous,
    /// No key set could be had. The token may be good.
    #[error("no key set could be had")]
    Unavailable {
        /// When trying again makes sense.
        retry_after: Duration,
        /// What went wrong, for logs.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Found(key) => f.debug_tuple("Found").field(key).finish(),
            Self::Miss(why) => f.debug_tuple("Miss").field(why).finish(),
            Self::Wait(_) => f.write_str("Wait(..)"),
        }
    }
}
