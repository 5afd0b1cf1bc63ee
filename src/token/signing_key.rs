//! Private keys: generating, loading and writing.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair};
use base64ct::{Base64, Encoding as _};
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{AlgorithmFamily, EncodingKey};
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, KeyType};
use super::key_id::KeyId;
use super::private_jwk;
use super::public_key::{check_family, from_spki};
use super::signing_pair::{SigningKeyError, SigningPair};
use super::verifying_key::VerifyingKey;
use crate::base::pem::{self, PemError, PemKind};

/// A private key with its one algorithm and its id.
///
/// [`JwtIssuer::stored`] takes its keys from a store. To keep one yourself, make it with
/// [`generate`](Self::generate), put the text of [`to_pem`](Self::to_pem) into your secret store, and
/// load it with [`from_pem`](Self::from_pem).
/// `Debug` prints no key material. Copies share one key; the last one that is dropped zeroes it.
///
/// [`JwtIssuer::stored`]: crate::token::JwtIssuer::stored
///
/// ```
/// use tower_auth_sync::token::{Algorithm, SigningKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::generate(Algorithm::Es256)?;
/// let pem = key.to_pem()?; // into your secret store
/// assert_eq!(SigningKey::from_pem(&*pem)?.id(), key.id());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SigningKey {
    key: Arc<EncodingKey>,
    public: VerifyingKey,
    id: KeyId,
}

impl SigningKey {
    /// Makes a new key for `algorithm`: Ed25519, P-256, P-384, or RSA of 2048 bits.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Library`] if the cryptographic library has no randomness or memory.
    pub fn generate(algorithm: Algorithm) -> Result<Self, SigningKeyError> {
        let failed = |_unspecified| SigningKeyError::Library;
        let pair = match algorithm.key_type() {
            KeyType::Ec(curve) => {
                SigningPair::of_ec(&EcdsaKeyPair::generate(curve.signing).map_err(failed)?)
            }
            KeyType::Ed25519 => {
                SigningPair::of_ed25519(&Ed25519KeyPair::generate().map_err(failed)?)
            }
            KeyType::Rsa => {
                SigningPair::of_rsa(&RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?)
            }
        };
        Self::new(pair.ok_or(SigningKeyError::Library)?, algorithm, None)
    }

    /// Reads the first private key of a PEM text: PKCS#8, SEC 1 or PKCS#1.
    ///
    /// The type decides the algorithm: `EdDSA`, `ES256`, `ES384`, and `RS256` for RSA. For `PS256` or
    /// `Ed25519` use [`from_pkcs8`](Self::from_pkcs8) or a JWK. The id is the key's
    /// SHA-256 thumbprint (RFC 7638); [`with_id`](Self::with_id) sets another.
    ///
    /// A text that an environment variable or a secret store damaged is read if only one reading is
    /// possible: line ends written as `\n`, replaced by spaces, or removed; indentation; quotes and
    /// other text around; a missing `BEGIN` or `END` line; the base64 of the whole text.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`]. The error names the damage and never quotes the text.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, SigningKeyError> {
        let wanted = PemKind::PrivateKey;
        let ders = pem::read(pem.as_ref(), wanted)?;
        let der = ders.first().ok_or(PemError::Missing)?;
        if let Some((pair, algorithm)) = SigningPair::of_any_type(der) {
            return Self::new(pair, algorithm, None);
        }
        if from_spki(der).is_some() {
            let found = PemKind::PublicKey;
            return Err(PemError::Kind { found, wanted }.into());
        }
        Err(SigningKeyError::Unsupported(None))
    }

    /// Reads a key in PKCS#8, SEC 1 or PKCS#1 form (DER) for `algorithm`.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Unsupported`] if the bytes are not a sound key of the algorithm's type.
    ///
    /// ```
    /// use tower_auth_sync::token::{Algorithm, SigningKey};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let der = SigningKey::generate(Algorithm::Ps256)?.to_pkcs8()?;
    /// let key = SigningKey::from_pkcs8(Algorithm::Ps256, &der)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, SigningKeyError> {
        let pair = SigningPair::from_der(algorithm, der);
        let pair = pair.ok_or(SigningKeyError::Unsupported(Some(algorithm)))?;
        Self::new(pair, algorithm, None)
    }

    /// Reads a private JWK (RFC 7517). An RSA key needs `p`, `q`, `dp`, `dq` and `qi` too.
    ///
    /// A missing `alg` or `kid` has the default of [`from_pem`](Self::from_pem).
    ///
    /// ```
    /// use tower_auth_sync::token::SigningKey;
    ///
    /// // RFC 8037, appendix A.1.
    /// let json = r#"{"kty": "OKP", "crv": "Ed25519",
    ///     "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    ///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// let key = SigningKey::from_jwk(json).unwrap();
    /// assert_eq!(key.id().as_str(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    /// ```
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Rejected`] for a member that is missing, malformed or contradicts the purpose,
    /// [`SigningKeyError::Unsupported`] for numbers that do not form a sound key.
    pub fn from_jwk(json: &str) -> Result<Self, SigningKeyError> {
        let (pair, algorithm, id) = private_jwk::parse(json)?;
        Self::new(pair, algorithm, id)
    }

    /// Takes a key of [`jsonwebtoken`] for `algorithm`.
    ///
    /// Such a key knows only its family and has not been checked; here it is. The id is that of
    /// [`from_pem`](Self::from_pem).
    ///
    /// ```
    /// use tower_auth_sync::token::jsonwebtoken::EncodingKey;
    /// use tower_auth_sync::token::{Algorithm, SigningKey};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let der = SigningKey::generate(Algorithm::EdDsa)?.to_pkcs8()?;
    /// let theirs = EncodingKey::from_ed_der(&der);
    /// let key = SigningKey::from_encoding_key(theirs, Algorithm::EdDsa)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Rejected`] for an HMAC key and a key of another family than the algorithm's,
    /// [`SigningKeyError::Unsupported`] for bytes that are no sound key of the algorithm's type.
    ///
    /// [`jsonwebtoken`]: super::jsonwebtoken
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the dropped key zeroes itself"
    )]
    pub fn from_encoding_key(
        key: EncodingKey,
        algorithm: Algorithm,
    ) -> Result<Self, SigningKeyError> {
        check_family(key.family(), algorithm)?;
        Self::from_pkcs8(algorithm, key.as_bytes())
    }

    fn new(
        pair: SigningPair,
        algorithm: Algorithm,
        id: Option<KeyId>,
    ) -> Result<Self, SigningKeyError> {
        let public = VerifyingKey::new(None, algorithm, pair.public)?;
        let id = match id {
            Some(id) => id,
            None => KeyId::new(public.thumbprint()).map_err(|_invalid| SigningKeyError::Library)?,
        };
        Ok(Self {
            key: Arc::new(pair.private),
            public: public.with_id(id.clone()),
            id,
        })
    }

    /// Returns the same key under another id.
    #[must_use]
    pub fn with_id(self, id: KeyId) -> Self {
        Self {
            public: self.public.with_id(id.clone()),
            id,
            ..self
        }
    }

    /// Returns the id. Default: the SHA-256 thumbprint of RFC 7638.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// Returns the only algorithm that the key signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// Returns the public half, under the same id.
    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Writes the key in PKCS#8 form (DER).
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Library`] if the cryptographic library has no memory.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
        let der = self.key.as_bytes();
        if self.key.family() != AlgorithmFamily::Rsa {
            return Ok(Zeroizing::new(der.to_vec()));
        }
        let pair = RsaKeyPair::from_der(der).map_err(|_rejected| SigningKeyError::Library)?;
        let der: Result<Pkcs8V1Der<'_>, _> = pair.as_der();
        let der = der.map_err(|_unspecified| SigningKeyError::Library)?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// Writes the key as PEM (`PRIVATE KEY`), for a secret store.
    ///
    /// # Errors
    ///
    /// As [`to_pkcs8`](Self::to_pkcs8).
    pub fn to_pem(&self) -> Result<Zeroizing<String>, SigningKeyError> {
        const LINE: usize = 64;

        let der = self.to_pkcs8()?;
        let base64 = Zeroizing::new(Base64::encode_string(&der));
        // The whole length is reserved at once: a string that grows would leave copies behind.
        let mut pem = Zeroizing::new(String::with_capacity(2 * base64.len() + 64));
        pem.push_str("-----BEGIN PRIVATE KEY-----\n");
        let mut rest = base64.as_str();
        while !rest.is_empty() {
            let (line, more) = rest.split_at(rest.len().min(LINE));
            pem.push_str(line);
            pem.push('\n');
            rest = more;
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Ok(pem)
    }

    /// Signs `message`; `None` if the cryptographic library fails.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let algorithm = self.algorithm().to_jsonwebtoken();
        let signer = (DEFAULT_PROVIDER.signer_factory)(&algorithm, &self.key).ok()?;
        signer.try_sign(message).ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}
