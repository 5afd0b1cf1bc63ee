//! New secrets, and the text that their receivers need.

#[cfg(feature = "ed25519")]
use base64::{Engine as _, engine::general_purpose::STANDARD};
#[cfg(feature = "ed25519")]
use zeroize::Zeroizing;

#[cfg(feature = "ed25519")]
use super::ed25519::PrivateKey;
use crate::base::entropy::Entropy;
#[cfg(feature = "ed25519")]
use crate::base::entropy::random;
use crate::base::secret::{Secret, SecretError};
use crate::wire::scheme::{Scheme, SignatureAlgorithm};
use crate::wire::signature::config_error::WebhookConfigError;

/// Makes a secret for `scheme`: `whsec_…`, or for Ed25519 the private key `whsk_…`.
pub(crate) fn generate_secret(
    scheme: &Scheme,
    entropy: &dyn Entropy,
) -> Result<Secret, SecretError> {
    match scheme.algorithm {
        SignatureAlgorithm::HmacSha256(_) => Ok(Secret::generate_with(entropy)),
        #[cfg(feature = "ed25519")]
        SignatureAlgorithm::Ed25519 => {
            let seed = Zeroizing::new(random::<32>(entropy));
            let encoded = Zeroizing::new(STANDARD.encode(seed.as_slice()));
            Secret::verbatim(["whsk_", &encoded].concat())
        }
    }
}

/// Returns the text that a receiver verifies with: the shared secret, or the public key `whpk_…` of
/// a private one.
pub(crate) fn receiver_secret(
    scheme: &Scheme,
    secret: &Secret,
) -> Result<Secret, WebhookConfigError> {
    match scheme.algorithm {
        SignatureAlgorithm::HmacSha256(_) => Ok(secret.clone()),
        #[cfg(feature = "ed25519")]
        SignatureAlgorithm::Ed25519 => {
            let public = PrivateKey::read(0, secret.expose())?.public_text();
            let text = Secret::verbatim(public);
            text.map_err(|source| WebhookConfigError::Secret { index: 0, source })
        }
    }
}
