//! Signing and verification of webhooks: pure functions over headers and bytes.
//!
//! A [`Scheme`](crate::scheme::Scheme) is data: header names, the grammar of the signature header, the signed content, the
//! form of the key. [`Verifier`] checks requests, [`Signer`] signs them.
//!
//! ```
//! use http::HeaderMap;
//! use tower_auth_sync::id::MessageId;
//! use tower_auth_sync::secret::Secret;
//! use tower_auth_sync::scheme::Scheme;
//! use tower_auth_sync::signature::{Signer, Verifier};
//!
//! let secret = Secret::generate();
//! let signer = Signer::new(Scheme::banata(), [secret.clone()])?;
//! let verifier = Verifier::new(Scheme::banata(), [secret])?;
//!
//! let mut headers = HeaderMap::new();
//! signer.sign(&MessageId::new("msg_1")?, b"{}").apply(&mut headers);
//!
//! assert!(verifier.verify(&headers, b"{}").is_ok());
//! assert!(verifier.verify(&headers, b"{ }").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Order of checks
//!
//! 1. The signature header exists once, is not empty, has at most 1 KiB and is visible ASCII.
//! 2. The same holds for the id header and the timestamp header, if the scheme has them.
//! 3. The signature header parses: it has at most 8 signatures of the scheme's version and, if the
//!    scheme has the time there, exactly one time. Signatures of other versions are skipped.
//! 4. The time has 1 to 15 digits and no leading zero, and a timestamp header beside a signed time
//!    equals it byte for byte.
//! 5. The time is within the tolerance, in the past or in the future.
//! 6. One of the signatures has the exact length and matches the signed content under one of the keys
//!    that have not ended. For HMAC-SHA256 every key and every signature is tried, in constant time.
//!
//! Points 1 to 5 need no body: [`Verifier::check_headers`]. Point 6 is [`Verifier::check_body`], or
//! [`Verifier::begin_body`] for a body in chunks.
//!
//! # The doctor
//!
//! [`diagnose`](crate::doctor::diagnose) explains a refused request: another form of the secret, another scheme, a body that
//! changed on the way, the clocks. The explanation is for operators, since it also helps a forger. `examples/doctor.rs` reads a saved request.

mod algorithm;
mod body_check;
mod builder;
mod config_error;
mod freshness;
mod headers;
mod key;
mod signer;
mod verifier;
mod verify_error;

#[cfg(test)]
mod tests;

pub(crate) use self::algorithm::VerificationKey;
#[cfg(feature = "_outbox")]
pub(crate) use self::algorithm::{generate_secret, receiver_secret};
pub use self::body_check::BodyCheck;
pub use self::builder::VerifierBuilder;
pub use self::config_error::WebhookConfigError;
pub(crate) use self::freshness::check_age;
pub(crate) use self::headers::{HeaderValues, ParsedHeaderNames, read as read_headers};
pub(crate) use self::key::{DatedSecret, ShortKeys};
pub use self::signer::{SignatureHeaders, Signer, SignerBuilder};
pub use self::verifier::{CheckedHeaders, SignatureMatch, Verifier};
pub use self::verify_error::VerifyError;
