//! Signature algorithms, and their names in jsonwebtoken and in the cryptographic library.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaSigningAlgorithm, VerificationAlgorithm,
};

/// A signature algorithm of RFC 7518, RFC 8037 or RFC 9864.
///
/// Symmetric algorithms and `none` do not exist here: no text names them, so no token and no key set
/// can ask for them.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Algorithm {
    /// `EdDSA` with Ed25519 (RFC 8037).
    EdDsa,
    /// `Ed25519`, the fully specified name of the same algorithm (RFC 9864). It is distinct from
    /// [`EdDsa`](Self::EdDsa): a key with one name does not verify tokens with the other.
    Ed25519,
    /// `ES256`: ECDSA on P-256 with SHA-256. An issuer's ephemeral key is for this algorithm.
    Es256,
    /// `ES384`: ECDSA on P-384 with SHA-384.
    Es384,
    /// `PS256`: RSASSA-PSS with SHA-256 and a salt of 32 bytes.
    Ps256,
    /// `RS256`: RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

/// The type of key that an algorithm needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum KeyType {
    Ec(Curve),
    Ed25519,
    Rsa,
}

/// A curve of RFC 7518 §6.2.1.1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curve {
    pub(super) name: &'static str,
    /// Length of one coordinate in bytes.
    pub(super) width: usize,
    pub(super) verification: &'static dyn VerificationAlgorithm,
    pub(super) signing: &'static EcdsaSigningAlgorithm,
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: &'static [Self] = &[
        Self::EdDsa,
        Self::Ed25519,
        Self::Es256,
        Self::Es384,
        Self::Ps256,
        Self::Rs256,
    ];

    /// Returns the name in `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }

    /// Returns the algorithms for keys of the same type and curve. The first is the default.
    pub(super) const fn of_same_type(self) -> &'static [Self] {
        match self {
            Self::EdDsa | Self::Ed25519 => &[Self::EdDsa, Self::Ed25519],
            Self::Es256 => &[Self::Es256],
            Self::Es384 => &[Self::Es384],
            Self::Ps256 | Self::Rs256 => &[Self::Rs256, Self::Ps256],
        }
    }

    pub(super) const fn key_type(self) -> KeyType {
        match self {
            Self::EdDsa | Self::Ed25519 => KeyType::Ed25519,
            Self::Es256 => KeyType::Ec(P256),
            Self::Es384 => KeyType::Ec(P384),
            Self::Ps256 | Self::Rs256 => KeyType::Rsa,
        }
    }

    /// Returns jsonwebtoken's algorithm. It has one name for Ed25519; each of our keys keeps its own.
    pub(super) const fn to_jsonwebtoken(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::EdDsa | Self::Ed25519 => jsonwebtoken::Algorithm::EdDSA,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Es384 => jsonwebtoken::Algorithm::ES384,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        let mut all = Self::ALL.iter().copied();
        all.find(|algorithm| algorithm.as_str() == name)
            .ok_or(UnknownAlgorithm)
    }
}

/// The name is no [`Algorithm`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the algorithm is not one of EdDSA, Ed25519, ES256, ES384, PS256 and RS256")]
pub struct UnknownAlgorithm;

const P256: Curve = Curve {
    name: "P-256",
    width: 32,
    verification: &ECDSA_P256_SHA256_FIXED,
    signing: &ECDSA_P256_SHA256_FIXED_SIGNING,
};

const P384: Curve = Curve {
    name: "P-384",
    width: 48,
    verification: &ECDSA_P384_SHA384_FIXED,
    signing: &ECDSA_P384_SHA384_FIXED_SIGNING,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_byte_for_byte() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(*algorithm));
        }
        for name in [
            "", "none", "None", "HS256", "eddsa", "RS256 ", " EdDSA", "ES256K", "RS512",
        ] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm), "{name:?}");
        }
    }
}
