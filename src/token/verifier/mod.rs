//! The verifier: the policy of RFC 8725 around one signature check.

mod builder;
mod policy;
mod verified_token;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

pub use self::builder::TokenVerifierBuilder;
pub use self::policy::TokenType;
pub use self::verified_token::VerifiedToken;

use self::policy::{AcceptedClaims, Policy};
use super::algorithm::Algorithm;
use super::base64url;
use super::compact::{JoseHeader, RawClaims, TokenParts};
use super::error::TokenError;
use super::key_source::{KeyFuture, KeyQuery, KeySource, Lookup, LookupError};
use super::verifying_key::VerifyingKey;
use crate::base::clock::Clock;

/// Accepts tokens of one issuer for the service's own audience, signed by a key of a [`KeySource`].
///
/// The verifier checks, in this order (the cheap checks come before the lookup of the key, so that a
/// stranger's token fetches no key):
///
/// 1. the length (16 KiB), three parts, base64url without padding;
/// 2. the header: unique names; no `crit`, `b64` or `zip`; an `alg` in the list; the `typ`;
/// 3. the claims: unique names; nothing that [`VerifiedToken::claims`] could not decode as a
///    `serde_json::Value`; `iss` byte for byte; one of the audiences in `aud`; a non-empty `sub`;
///    `exp`, `nbf` and `iat` against the clock; the other required claims;
/// 4. the key: the only one with the token's `kid` and `alg`, or the only one with its `alg` if the
///    token has no `kid`; the same key twice in the set counts once;
/// 5. the signature.
///
/// `jku`, `jwk`, `x5u` and `x5c` in a header are ignored: a token does not decide which key to trust.
/// Copies share everything.
///
/// ```
/// use tower_auth_sync::token::{JwtIssuer, TokenVerifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = JwtIssuer::builder("https://auth.example", "https://app.example")
///     .dangerous_ephemeral_key()
///     .build()?;
/// let tokens = TokenVerifier::builder(issuer.keys().clone())
///     .issuer("https://auth.example")
///     .audience("https://app.example")
///     .build()?;
///
/// let token = issuer.issue(&serde_json::json!({ "sub": "user_1" }))?;
/// assert_eq!(tokens.verify_now(&token)?.subject(), "user_1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenVerifier(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Box<dyn KeySource>,
    policy: Policy,
    clock: Arc<dyn Clock>,
}

/// The result of a verification, or the future of that result.
pub(crate) enum Verification {
    Now(Result<VerifiedToken, TokenError>),
    Later(PendingVerification),
}

/// A verification that waits for the key.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct PendingVerification {
    token: Box<str>,
    unverified: Option<UnverifiedToken>,
    key: KeyFuture,
}

/// A token with acceptable header and claims. Its signature is not checked yet.
struct UnverifiedToken {
    algorithm: Algorithm,
    claims: Bytes,
    accepted: AcceptedClaims,
}

impl TokenVerifier {
    /// Starts to configure a verifier; the issuer and an audience are required.
    pub fn builder(source: impl KeySource) -> TokenVerifierBuilder {
        TokenVerifierBuilder::new(source)
    }

    fn new(source: Box<dyn KeySource>, policy: Policy, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            source,
            policy,
            clock,
        }))
    }

    /// Verifies a token in the compact serialization, without `Bearer`.
    ///
    /// The future waits only if the key source fetches the key.
    ///
    /// # Errors
    ///
    /// [`TokenError`]. Its [`kind`](TokenError::kind) tells a bad token from unavailable keys.
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        match self.begin(token) {
            Verification::Now(result) => result,
            Verification::Later(pending) => pending.await,
        }
    }

    /// Verifies a token with the keys in memory, which a [`KeySet`](super::KeySet)'s always are.
    ///
    /// # Errors
    ///
    /// As for [`verify`](Self::verify); a key that would have to be fetched is unknown.
    pub fn verify_now(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        match self.begin(token) {
            Verification::Now(result) => result,
            Verification::Later(_) => Err(LookupError::Unknown.into()),
        }
    }

    /// Checks a token up to its signature, and the signature too if the key is in memory.
    pub(crate) fn begin(&self, token: &str) -> Verification {
        self.check(token)
            .unwrap_or_else(|why| Verification::Now(Err(why)))
    }

    fn check(&self, token: &str) -> Result<Verification, TokenError> {
        let Inner {
            source,
            policy,
            clock,
        } = &*self.0;
        let parts = TokenParts::split(token)?;

        let mut buffer = HeaderBuffer::for_text(parts.header);
        let malformed = TokenError::Malformed { part: "header" };
        let header = base64url::decode_into(parts.header, buffer.bytes()).ok();
        let Some(header) = header.and_then(JoseHeader::parse) else {
            return Err(malformed);
        };
        let algorithm = policy.check_header(&header)?;

        let Ok(claims) = base64url::decode(parts.claims) else {
            return Err(TokenError::Malformed { part: "claims" });
        };
        let raw = RawClaims::parse(&claims, &policy.required)?;
        let accepted = policy.check_claims(&raw, clock.now())?;
        let unverified = UnverifiedToken {
            algorithm,
            claims: claims.into(),
            accepted,
        };

        let query = KeyQuery {
            id: header.kid.as_ref().map(|kid| &*kid.0),
            algorithm,
            is_first: policy.is_first_of_its_type(algorithm),
        };
        match source.lookup(&query) {
            Lookup::Found(key) => Ok(Verification::Now(unverified.verify_signature(&key, &parts))),
            Lookup::Miss(why) => Err(why.into()),
            Lookup::Wait(key) => Ok(Verification::Later(PendingVerification {
                token: token.into(),
                unverified: Some(unverified),
                key,
            })),
        }
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl UnverifiedToken {
    fn verify_signature(
        self,
        key: &VerifyingKey,
        parts: &TokenParts<'_>,
    ) -> Result<VerifiedToken, TokenError> {
        if key.algorithm() != self.algorithm {
            let expected = self.algorithm;
            return Err(TokenError::KeyAlgorithm { expected });
        }
        let signature = base64url::decode(parts.signature)
            .map_err(|_error| TokenError::Malformed { part: "signature" })?;
        if !key.verifies(parts.signed.as_bytes(), &signature) {
            return Err(TokenError::Signature);
        }
        Ok(VerifiedToken {
            claims: self.claims,
            subject: self.accepted.subject,
            expires_at: self.accepted.expires_at,
            key_id: key.id().cloned(),
        })
    }
}

impl Future for PendingVerification {
    type Output = Result<VerifiedToken, TokenError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let key = ready!(self.key.as_mut().poll(cx));
        let unverified = self.unverified.take();
        Poll::Ready(match (key, unverified) {
            (Ok(key), Some(unverified)) => TokenParts::split(&self.token)
                .and_then(|parts| unverified.verify_signature(&key, &parts)),
            (Err(why), _) => Err(why.into()),
            // The future was polled again after it was ready: the token is gone.
            (Ok(_), None) => Err(LookupError::Unknown.into()),
        })
    }
}

/// The buffer for a decoded header.
#[expect(
    clippy::large_enum_variant,
    reason = "the value never leaves the stack"
)]
enum HeaderBuffer {
    Short([u8; SHORT_HEADER]),
    Long(Vec<u8>),
}

impl HeaderBuffer {
    fn for_text(text: &str) -> Self {
        let room = text.len() / 4 * 3 + 3;
        if room <= SHORT_HEADER {
            Self::Short([0; SHORT_HEADER])
        } else {
            Self::Long(vec![0; room])
        }
    }

    fn bytes(&mut self) -> &mut [u8] {
        match self {
            Self::Short(bytes) => bytes,
            Self::Long(bytes) => bytes,
        }
    }
}

/// Longest decoded header in bytes that is read without an allocation.
const SHORT_HEADER: usize = 512;
