//! Key pairs of the cryptographic library, and why a text does not hold one.

use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};

use super::algorithm::{Algorithm, KeyType};
use super::key_rejected::KeyRejected;
use super::public_key::PublicNumbers;
use crate::base::pem::PemError;

/// A private key with its public half.
pub(super) enum SigningPair {
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl SigningPair {
    /// Reads a key of any type. An RSA key is for `RS256`.
    pub(super) fn of_any_type(der: &[u8]) -> Option<(Self, Algorithm)> {
        let types = [
            Algorithm::Es256,
            Algorithm::EdDsa,
            Algorithm::Rs256,
            Algorithm::Es384,
        ];
        types.iter().find_map(|algorithm| {
            let pair = Self::from_der(*algorithm, der)?;
            Some((pair, *algorithm))
        })
    }

    pub(super) fn from_der(algorithm: Algorithm, der: &[u8]) -> Option<Self> {
        Some(match algorithm.key_type() {
            KeyType::Ec(curve) => {
                Self::Ec(EcdsaKeyPair::from_private_key_der(curve.signing, der).ok()?)
            }
            KeyType::Ed25519 => Self::Ed25519(Ed25519KeyPair::from_pkcs8(der).ok()?),
            KeyType::Rsa(_) => {
                let pair = RsaKeyPair::from_pkcs8(der);
                Self::Rsa(pair.or_else(|_| RsaKeyPair::from_der(der)).ok()?)
            }
        })
    }

    pub(super) fn public(&self) -> PublicNumbers {
        match self {
            Self::Ec(pair) => {
                // SEC 1 §2.3.3: a byte for the form, then both coordinates.
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                PublicNumbers::Ec {
                    x: x.to_vec(),
                    y: y.to_vec(),
                }
            }
            Self::Ed25519(pair) => PublicNumbers::Okp {
                x: pair.public_key().as_ref().to_vec(),
            },
            Self::Rsa(pair) => PublicNumbers::of_rsa(pair.public_key()),
        }
    }
}

/// Why a text or its key is not a signing key. The error never quotes the text.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SigningKeyError {
    /// The PEM text holds no readable private key.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The key is not supported, or is damaged, or is an RSA key of fewer than 2048 or more than 8192
    /// bits.
    #[error(
        "the private key is not a sound Ed25519, P-256, P-384 or RSA (2048 to 8192 bits) key{}",
        for_algorithm(.0)
    )]
    Unsupported(Option<Algorithm>),
    /// The JWK cannot be used.
    #[error(transparent)]
    Jwk(#[from] KeyRejected),
    /// The cryptographic library could not make or write a key.
    #[error("the cryptographic library failed")]
    Library,
}

fn for_algorithm(algorithm: &Option<Algorithm>) -> String {
    algorithm.map_or_else(String::new, |algorithm| format!(" for {algorithm}"))
}
