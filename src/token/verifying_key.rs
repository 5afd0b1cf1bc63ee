//! Public keys, checked once.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;

use super::algorithm::Algorithm;
use super::jwk::{Jwk, PublishedKey};
use super::key_id::KeyId;
use super::key_rejected::KeyRejected;
use super::public_key::{PublicNumbers, check, from_spki};
use super::signing_pair::SigningPair;
use crate::base::pem::{self, PemError, PemKind};

/// A public key with its one algorithm, checked and ready to verify.
///
/// The algorithm is part of the key, so that a token cannot choose how a key is used. For a key
/// without one the verifier's configuration decides
/// ([`algorithms`](super::TokenVerifierBuilder::algorithms)). Copies share the key.
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
    algorithm: Algorithm,
    /// Whether the key names its algorithm. If not, the verifier's configuration decides.
    has_algorithm: bool,
    key: Arc<DecodingKey>,
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
        let key = Self::new(published.id, published.algorithm, published.key)?;
        Ok(Self {
            has_algorithm: published.has_algorithm,
            ..key
        })
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
    /// of another type (also an RSA key for PSS alone), a compressed point or a bad RSA exponent, and the
    /// other variants for a bad key.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, KeyRejected> {
        let wanted = PemKind::PublicKey;
        let ders = pem::read(pem.as_ref(), wanted)?;
        let der = ders.first().ok_or(PemError::Missing)?;
        let Some((algorithm, key)) = from_spki(der) else {
            let is_private = SigningPair::of_any_type(der).is_some();
            let found = PemKind::PrivateKey;
            return Err(if is_private {
                PemError::Kind { found, wanted }.into()
            } else {
                KeyRejected::Type
            });
        };
        let key = Self::new(None, algorithm, key)?;
        Ok(Self {
            has_algorithm: false,
            ..key
        })
    }

    /// Takes a key of [`jsonwebtoken`] for `algorithm`, in any of its forms: a bare point, RSA
    /// components, PKCS#1, or X.509 SubjectPublicKeyInfo (DER).
    ///
    /// Such a key knows only its family and has not been checked; here it is. The key has no id:
    /// [`with_id`](Self::with_id) sets the one that its tokens name.
    ///
    /// ```
    /// use tower_auth_sync::token::jsonwebtoken::DecodingKey;
    /// use tower_auth_sync::token::{Algorithm, VerifyingKey};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let theirs = DecodingKey::from_ed_components("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")?;
    /// let key = VerifyingKey::from_decoding_key(theirs, Algorithm::EdDsa)?;
    /// assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyRejected::Symmetric`] for an HMAC key, [`KeyRejected::Algorithm`] for a key of another family
    /// than the algorithm's, [`KeyRejected::Type`] for another curve and for bytes in none of these forms,
    /// [`KeyRejected::Point`], [`KeyRejected::Modulus`] and [`KeyRejected::Exponent`] for a bad key. An RSA
    /// key in DER form with an even modulus or a bad exponent is a [`KeyRejected::Type`]: the library
    /// does not read it.
    ///
    /// [`jsonwebtoken`]: super::jsonwebtoken
    pub fn from_decoding_key(key: DecodingKey, algorithm: Algorithm) -> Result<Self, KeyRejected> {
        Self::new(None, algorithm, key)
    }

    pub(super) fn new(
        id: Option<KeyId>,
        algorithm: Algorithm,
        key: DecodingKey,
    ) -> Result<Self, KeyRejected> {
        Ok(Self {
            id,
            algorithm,
            has_algorithm: true,
            key: Arc::new(check(key, algorithm)?),
        })
    }

    /// Returns this key for `algorithm`, if it fits. A key that names no algorithm fits only if
    /// `algorithm` is the first of its type in the verifier's list (`is_first`).
    pub(super) fn for_algorithm(&self, algorithm: Algorithm, is_first: bool) -> Option<Self> {
        let fits = if self.has_algorithm {
            self.algorithm == algorithm
        } else {
            is_first && self.algorithm.of_same_type().contains(&algorithm)
        };
        fits.then(|| Self {
            algorithm,
            ..self.clone()
        })
    }

    /// Returns whether both are the same key. The ids may differ.
    pub(super) fn is_same_key(&self, other: &Self) -> bool {
        PublicNumbers::of(&self.key) == PublicNumbers::of(&other.key)
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
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the SHA-256 thumbprint of RFC 7638, base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.to_jwk().thumbprint()
    }

    /// Returns the JWK to publish, with public members only.
    pub(super) fn to_jwk(&self) -> Jwk {
        let alg = self.has_algorithm.then_some(self.algorithm);
        Jwk::new(self.id.clone(), alg, self.algorithm.key_type(), &self.key)
    }

    /// Returns whether this key made `signature` over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &Vec<u8>) -> bool {
        let algorithm = self.algorithm.to_jsonwebtoken();
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&algorithm, &self.key);
        verifier.is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
