//! Public keys, parsed once.

use std::sync::Arc;
use std::{fmt, iter};

use aws_lc_rs::signature::ParsedPublicKey;

use super::algorithm::Algorithm;
use super::jwk::{Jwk, PublishedKey};
use super::key_id::KeyId;
use super::key_rejected::KeyRejected;
use super::public_key::PublicNumbers;
use super::signing_pair::SigningPair;
use crate::base::pem::{self, PemError, PemKind};

/// A public key with its one algorithm, parsed and ready to verify.
///
/// The algorithm is part of the key, so that a token cannot choose how a key is used. For a key
/// without one the verifier's configuration decides
/// ([`algorithms`](super::TokenVerifierBuilder::algorithms)). Copies share the parsed key.
///
/// ```
/// use tower_auth_sync::token::{Algorithm, KeySet, SigningKey, VerifyingKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pem = "-----BEGIN PUBLIC KEY-----
/// MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
/// -----END PUBLIC KEY-----";
/// let key = VerifyingKey::from_pem(pem)?.with_id("2026-11".parse()?);
/// assert_eq!(key.algorithm(), Algorithm::EdDsa);
/// let keys = KeySet::new([key])?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct VerifyingKey {
    id: Option<KeyId>,
    key: Arc<ParsedKey>,
}

struct ParsedKey {
    algorithm: Algorithm,
    numbers: PublicNumbers,
    parsed: ParsedPublicKey,
    /// The same key for the other algorithm of its type, if the key names none.
    other: Option<Arc<Self>>,
}

impl VerifyingKey {
    /// Reads one JWK (RFC 7517).
    ///
    /// A key without `alg` is for the algorithm of its type and curve: `EdDSA`, `ES256`, `ES384`,
    /// and `RS256` for RSA, unless the verifier's
    /// [`algorithms`](super::TokenVerifierBuilder::algorithms) choose `Ed25519` or `PS256`.
    ///
    /// ```
    /// use tower_auth_sync::token::{Algorithm, VerifyingKey};
    ///
    /// // RFC 8037, appendix A.2.
    /// let json = r#"{"kty": "OKP", "crv": "Ed25519",
    ///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// let key = VerifyingKey::from_jwk(json).unwrap();
    /// assert_eq!(key.algorithm(), Algorithm::EdDsa);
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyRejected`] for a key that must not verify tokens: see its variants.
    pub fn from_jwk(json: &str) -> Result<Self, KeyRejected> {
        let published = PublishedKey::parse(json)?;
        let mut key = Self::new(published.id, published.algorithm, published.numbers)?;
        if !published.has_algorithm {
            key.add_other()?;
        }
        Ok(key)
    }

    /// Reads the first public key of a PEM text: X.509 SubjectPublicKeyInfo or PKCS#1.
    ///
    /// The algorithm is that of a JWK without `alg`. The key has no id:
    /// [`with_id`](Self::with_id) sets the one that its tokens name. Damaged texts are read as by
    /// [`SigningKey::from_pem`](super::SigningKey::from_pem).
    ///
    /// # Errors
    ///
    /// [`KeyRejected::Pem`] if the text holds no readable public key, [`KeyRejected::Type`] for a key
    /// of another type or a compressed point, and the other variants for a bad key.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, KeyRejected> {
        let wanted = PemKind::PublicKey;
        let ders = pem::read(pem.as_ref(), wanted)?;
        let der = ders.first().ok_or(PemError::Missing)?;
        let Some((algorithm, numbers)) = PublicNumbers::from_spki(der) else {
            let is_private = SigningPair::of_any_type(der).is_some();
            let found = PemKind::PrivateKey;
            return Err(if is_private {
                PemError::Kind { found, wanted }.into()
            } else {
                KeyRejected::Type
            });
        };
        let mut key = Self::new(None, algorithm, numbers)?;
        key.add_other()?;
        Ok(key)
    }

    pub(super) fn new(
        id: Option<KeyId>,
        algorithm: Algorithm,
        numbers: PublicNumbers,
    ) -> Result<Self, KeyRejected> {
        let key = Arc::new(ParsedKey::new(algorithm, numbers, None)?);
        Ok(Self { id, key })
    }

    /// Lets the verifier's configuration choose the algorithm if the type has two.
    fn add_other(&mut self) -> Result<(), KeyRejected> {
        let ParsedKey {
            algorithm, numbers, ..
        } = &*self.key;
        let mut others = algorithm.of_same_type().iter().copied();
        if let Some(other) = others.find(|other| other != algorithm) {
            let other = ParsedKey::new(other, numbers.clone(), None)?;
            let key = ParsedKey::new(*algorithm, numbers.clone(), Some(Arc::new(other)))?;
            self.key = Arc::new(key);
        }
        Ok(())
    }

    /// Returns this key for `algorithm`, if it fits. A key that names no algorithm fits only if
    /// `algorithm` is the first of its type in the verifier's list (`is_first`).
    pub(super) fn for_algorithm(&self, algorithm: Algorithm, is_first: bool) -> Option<Self> {
        let ParsedKey { other, .. } = &*self.key;
        if other.is_some() && !is_first {
            return None;
        }
        let mut keys = iter::once(&self.key).chain(other);
        let key = keys.find(|key| key.algorithm == algorithm)?;
        Some(Self {
            id: self.id.clone(),
            key: Arc::clone(key),
        })
    }

    /// Returns whether both are the same key. The ids may differ.
    pub(super) fn is_same_key(&self, other: &Self) -> bool {
        self.key.numbers == other.key.numbers
    }

    /// Returns the same key under another id.
    #[must_use]
    pub fn with_id(mut self, id: KeyId) -> Self {
        self.id = Some(id);
        self
    }

    /// Returns the id in the tokens' `kid`. A key without one verifies only tokens without one.
    #[must_use]
    pub const fn id(&self) -> Option<&KeyId> {
        self.id.as_ref()
    }

    /// Returns the only algorithm that the key verifies. For a key that names none it is the default
    /// of its type.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm
    }

    /// Returns the SHA-256 thumbprint of RFC 7638, base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.to_jwk().thumbprint()
    }

    /// Returns the JWK to publish, with public members only.
    pub(super) fn to_jwk(&self) -> Jwk {
        Jwk::new(self.id.clone(), self.key.algorithm, &self.key.numbers)
    }

    /// Returns whether this key made `signature` over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.parsed.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("id", &self.id)
            .field("algorithm", &self.key.algorithm)
            .finish_non_exhaustive()
    }
}

impl ParsedKey {
    fn new(
        algorithm: Algorithm,
        numbers: PublicNumbers,
        other: Option<Arc<Self>>,
    ) -> Result<Self, KeyRejected> {
        let parsed = numbers.parse(algorithm)?;
        Ok(Self {
            algorithm,
            numbers,
            parsed,
            other,
        })
    }
}
