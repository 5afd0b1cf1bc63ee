//! Why a verifier or a signer cannot be made.

use crate::base::secret::SecretError;

/// Why a [`Verifier`](super::verifier::Verifier) or a [`Signer`](super::signer::Signer) cannot be made.
///
/// Secrets are named by their place, counted from 0; none of their text is shown.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WebhookConfigError {
    /// The list of secrets is empty.
    #[error("no secret is configured")]
    NoSecret,
    /// There are more than 8 secrets: each costs one pass over every body.
    #[error("more than 8 secrets are configured")]
    TooManySecrets,
    /// A text is no secret.
    #[error("the secret at index {index} cannot be used: {source}")]
    Secret {
        /// Its place.
        index: usize,
        /// What is wrong with it.
        source: SecretError,
    },
    /// The scheme's secrets are base64, this one is not.
    #[error(
        "the secret at index {index} is not base64 (standard alphabet, with padding) after `whsec_`; \
         no other prefix is known"
    )]
    NotBase64 {
        /// Its place.
        index: usize,
    },
    /// The scheme's secrets are hex digits, this one is not.
    #[error("the secret at index {index} is not made of hex digits, two for each byte")]
    NotHex {
        /// Its place.
        index: usize,
    },
    /// The scheme verifies with public keys, this is none.
    #[error("the secret at index {index} is not a public key: `whpk_` and the base64 of 32 bytes")]
    NotPublicKey {
        /// Its place.
        index: usize,
    },
    /// The scheme signs with private keys, this is none.
    #[error(
        "the secret at index {index} is not a private key: `whsk_` and the base64 of a 32-byte seed, \
         with the public key of the seed behind it or without"
    )]
    NotPrivateKey {
        /// Its place.
        index: usize,
    },
    /// The key in a secret has fewer than 24 or more than 512 bytes.
    #[error(
        "the key of the secret at index {index} has {actual} bytes after decoding; it must have 24 \
         to 512"
    )]
    KeyLength {
        /// Its place.
        index: usize,
        /// The key's bytes, counted after the prefix is taken off and base64 is decoded.
        actual: usize,
    },
    /// The tolerance is below 1 s or above 1 h.
    #[error("the tolerance for timestamps must be between 1 s and 1 h")]
    Tolerance,
}
