//! Private keys as they are kept, and why a text does not hold one.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use jsonwebtoken::{DecodingKey, EncodingKey};

use super::algorithm::{Algorithm, KeyType};
use super::key_rejected::KeyRejected;
use super::public_key::of_rsa;
use crate::base::pem::{self, PemError};

/// A private key with its public half.
///
/// jsonwebtoken neither checks a private key nor tells its public half without the process-wide
/// provider, and takes only PKCS#8, for RSA only PKCS#1. So keys come here through aws-lc-rs.
pub(super) struct SigningPair {
    pub(super) private: EncodingKey,
    pub(super) public: DecodingKey,
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
        // The library ignores bytes after the key.
        pem::sequence(der)?;
        match algorithm.key_type() {
            KeyType::Ec(curve) => {
                Self::of_ec(&EcdsaKeyPair::from_private_key_der(curve.signing, der).ok()?)
            }
            KeyType::Ed25519 => Self::of_ed25519(&Ed25519KeyPair::from_pkcs8(der).ok()?),
            KeyType::Rsa => {
                let pair = RsaKeyPair::from_pkcs8(der);
                Self::of_rsa(&pair.or_else(|_| RsaKeyPair::from_der(der)).ok()?)
            }
        }
    }

    pub(super) fn of_ec(pair: &EcdsaKeyPair) -> Option<Self> {
        Some(Self {
            private: EncodingKey::from_ec_der(pair.to_pkcs8v1().ok()?.as_ref()),
            public: DecodingKey::from_ec_der(pair.public_key().as_ref()),
        })
    }

    pub(super) fn of_ed25519(pair: &Ed25519KeyPair) -> Option<Self> {
        let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
        Some(Self {
            private: EncodingKey::from_ed_der(der.as_ref()),
            public: DecodingKey::from_ed_der(pair.public_key().as_ref()),
        })
    }

    pub(super) fn of_rsa(pair: &RsaKeyPair) -> Option<Self> {
        let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
        let pkcs1 = der.as_ref().get(RSA_PKCS8_PREFIX..)?;
        Some(Self {
            private: EncodingKey::from_rsa_der(pkcs1),
            public: of_rsa(pair.public_key()),
        })
    }
}

/// Length in bytes of a PKCS#8 text before its PKCS#1 key, for RSA of 2048 to 8192 bits: two headers of
/// 4 bytes, the version (3) and the algorithm (15).
const RSA_PKCS8_PREFIX: usize = 4 + 3 + 15 + 4;

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
    /// The key is not well-formed, or is for another use or algorithm.
    #[error(transparent)]
    Rejected(#[from] KeyRejected),
    /// The cryptographic library could not make or write a key.
    #[error("the cryptographic library failed")]
    Library,
}

fn for_algorithm(algorithm: &Option<Algorithm>) -> String {
    algorithm.map_or_else(String::new, |algorithm| format!(" for {algorithm}"))
}
