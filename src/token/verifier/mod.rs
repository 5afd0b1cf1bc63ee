//! The verifier: the policy of RFC 8725 around one signature check.

mod builder;
mod policy;
mod verified;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

pub use self::builder::{TokenType, TokenVerifierBuilder};
pub use self::verified::VerifiedToken;

use self::policy::{Accepted, Policy};
use super::algorithm::Algorithm;
use super::base64url;
use super::compact::{Header, Parts, RawClaims};
use super::error::TokenError;
use super::source::{KeyFuture, KeyQuery, KeySource, Lookup, LookupError};
use super::verifying::VerifyingKey;
use crate::base::clock::Clock;

/// Accepts tokens of one issuer for one's own audience, signed by a key of a [`KeySource`].
///
/// The checks, in this order; the cheap ones stand before the look-up, so that a stranger's token
/// fetches no key:
///
/// 1. the length (16 KiB), three parts, base64url without padding;
/// 2. the header: unique names; no `crit`, `b64` or `zip`; an `alg` of the list; the `typ`;
/// 3. the claims: unique names; nothing that [`VerifiedToken::claims`] could not decode as a
///    `serde_json::Value`; `iss` byte for byte; one of the audiences in `aud`; a non-empty `sub`;
///    `exp`, `nbf` and `iat` against the clock; the claims required besides;
/// 4. the key: the only one with the token's `kid` and `alg`, or the only one of its `alg` if the
///    token has no `kid`; one key that stands in the set twice is one;
/// 5. the signature.
///
/// `jku`, `jwk`, `x5u` and `x5c` in a header are ignored: a token does not say whom to trust.
/// Copies share all.
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

/// A verdict, now or later.
pub(crate) enum Verdict {
    Now(Result<VerifiedToken, TokenError>),
    Later(PendingVerdict),
}

/// A token that only lacks its key.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct PendingVerdict {
    token: Box<str>,
    candidate: Option<Candidate>,
    key: KeyFuture,
}

/// A token whose header and claims are acceptable.
struct Candidate {
    algorithm: Algorithm,
    claims: Bytes,
    accepted: Accepted,
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
    /// Waits only if the key source has to fetch the key.
    ///
    /// # Errors
    ///
    /// [`TokenError`]; [`TokenError::kind`] tells a bad token from keys that could not be had.
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        match self.begin(token) {
            Verdict::Now(verdict) => verdict,
            Verdict::Later(pending) => pending.await,
        }
    }

    /// Verifies a token with the keys that are at hand, as a [`KeySet`](super::set::KeySet)'s always are.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify); a key that would have to be fetched is unknown.
    pub fn verify_now(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        match self.begin(token) {
            Verdict::Now(verdict) => verdict,
            Verdict::Later(_) => Err(LookupError::Unknown.into()),
        }
    }

    pub(crate) fn begin(&self, token: &str) -> Verdict {
        self.judge(token)
            .unwrap_or_else(|why| Verdict::Now(Err(why)))
    }

    fn judge(&self, token: &str) -> Result<Verdict, TokenError> {
        let Inner {
            source,
            policy,
            clock,
        } = &*self.0;
        let parts = Parts::split(token)?;

        let mut buffer = Scratch::for_text(parts.header);
        let malformed = TokenError::Malformed { part: "header" };
        let header = base64url::decode_into(parts.header, buffer.bytes()).ok();
        let Some(header) = header.and_then(Header::parse) else {
            return Err(malformed);
        };
        let algorithm = policy.check_header(&header)?;

        let Ok(claims) = base64url::decode(parts.claims) else {
            return Err(TokenError::Malformed { part: "claims" });
        };
        let raw = RawClaims::parse(&claims, &policy.required)?;
        let accepted = policy.check_claims(&raw, clock.now())?;
        let candidate = Candidate {
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
            Lookup::Found(key) => Ok(Verdict::Now(candidate.prove(&key, &parts))),
            Lookup::Miss(why) => Err(why.into()),
            Lookup::Wait(key) => Ok(Verdict::Later(PendingVerdict {
                token: token.into(),
                candidate: Some(candidate),
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

impl Candidate {
    fn prove(self, key: &VerifyingKey, parts: &Parts<'_>) -> Result<VerifiedToken, TokenError> {
        if key.algorithm() != self.algorithm {
            let expected = self.algorithm;
            return Err(TokenError::KeyAlgorithm { expected });
        }
        let mut buffer = [0; MAX_SIGNATURE_LEN];
        let signature = base64url::decode_into(parts.signature, &mut buffer)
            .map_err(|_error| TokenError::Malformed { part: "signature" })?;
        if !key.verifies(parts.signed.as_bytes(), signature) {
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

impl Future for PendingVerdict {
    type Output = Result<VerifiedToken, TokenError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let key = ready!(self.key.as_mut().poll(cx));
        let candidate = self.candidate.take();
        Poll::Ready(match (key, candidate) {
            (Ok(key), Some(candidate)) => {
                Parts::split(&self.token).and_then(|parts| candidate.prove(&key, &parts))
            }
            (Err(why), _) => Err(why.into()),
            // Polled again after it was ready: there is nothing left to accept.
            (Ok(_), None) => Err(LookupError::Unknown.into()),
        })
    }
}

/// Longest signature in bytes: that of an RSA key of 8192 bits.
const MAX_SIGNATURE_LEN: usize = 1024;

/// Longest decoded header that is not worth an allocation.
const SHORT_HEADER: usize = 512;

/// Room for a decoded header.
#[expect(clippy::large_enum_variant, reason = "it never leaves the stack")]
enum Scratch {
    Short([u8; SHORT_HEADER]),
    Long(Vec<u8>),
}

impl Scratch {
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
