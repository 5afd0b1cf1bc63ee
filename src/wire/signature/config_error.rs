//! Configuration errors of verifiers and signers.

use crate::base::secret::SecretError;

/// Why a [`Verifier`](super::verifier::Verifier) or a [`Signer`](super::signer::Signer) cannot be built.
///
/// An error names a secret by its index, counted from 0, and never shows its text.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WebhookConfigError {
    /// The list of secrets is empty.
    #[error("no secret is configured")]
    NoSecret,
    /// There are more than 8 secrets: each costs one pass over every body.
    #[error("more than 8 secrets are configured")]
    TooManySecrets,
    /// A text is not usable as a secret.
    #[error("the secret at index {index} cannot be used: {source}")]
    Secret {
        /// The index of the secret.
        index: usize,
        /// Why it is not usable.
        source: SecretError,
    },
    /// The scheme requires base64, and this secret is not base64.
    #[error(
        "the secret at index {index} is not base64 (standard alphabet, with padding) after `whsec_`; \
         no other prefix is known"
    )]
    NotBase64 {
        /// The index of the secret.
        index: usize,
    },
    /// The scheme requires hex digits, and this secret is not hex.
    #[error("the secret at index {index} is not made of hex digits, two for each byte")]
    NotHex {
        /// The index of the secret.
        index: usize,
    },
    /// The scheme verifies with public keys, and this secret is not a public key.
    #[error("the secret at index {index} is not a public key: `whpk_` and the base64 of 32 bytes")]
    NotPublicKey {
        /// The index of the secret.
        index: usize,
    },
    /// The scheme signs with private keys, and this secret is not a private key.
    #[error(
        "the secret at index {index} is not a private key: `whsk_` and the base64 of a 32-byte seed, \
         with the public key of the seed behind it or without"
    )]
    NotPrivateKey {
        /// The index of the secret.
        index: usize,
    },
    /// The key in a secret has fewer than 24 or more than 512 bytes.
    #[error(
        "the key of the secret at index {index} has {actual} bytes after decoding; it must have 24 \
         to 512"
    )]
    KeyLength {
        /// The index of the secret.
        index: usize,
        /// The number of the key's bytes, without the prefix and after decoding.
        actual: usize,
    },
    /// The tolerance is below 1 s or above 1 h.
    #[error("the tolerance for timestamps must be between 1 s and 1 h")]
    Tolerance,
}
