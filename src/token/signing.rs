//! Private keys: made, loaded, kept by the caller.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
};
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, KeyFamily};
use super::jwk::KeyRejected;
use super::key_id::KeyId;
use super::private_jwk;
use super::verifying::{Public, VerifyingKey, read_spki};
use crate::base::pem;
use crate::base::pem::{PemError, PemKind};

/// A private key with its one algorithm and its id.
///
/// The crate keeps no key: make one with [`generate`](Self::generate), store what
/// [`to_pem`](Self::to_pem) gives in your secret store, and load it with
/// [`from_pem`](Self::from_pem). Prints no key material; copies share one key, which is zeroed with
/// the last of them.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Pair>,
    public: VerifyingKey,
    id: KeyId,
}

pub(super) enum Pair {
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// Why a text or its key is not a signing key. Never quotes it.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SigningKeyError {
    /// There is no readable private key in the PEM text.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The key is none of the supported ones, or is damaged, or is an RSA key of fewer than 2048
    /// or more than 8192 bits.
    #[error(
        "the private key is not a sound Ed25519, P-256, P-384 or RSA (2048 to 8192 bits) key{}",
        wanted(.0)
    )]
    Unsupported(Option<Algorithm>),
    /// The JWK cannot be used.
    #[error(transparent)]
    Jwk(#[from] KeyRejected),
    /// The cryptographic library could not make or write a key.
    #[error("the cryptographic library failed")]
    Library,
}

fn wanted(algorithm: &Option<Algorithm>) -> String {
    algorithm.map_or_else(String::new, |algorithm| format!(" for {algorithm}"))
}

impl SigningKey {
    /// Makes a new key: Ed25519, P-256, P-384, or RSA of 2048 bits, as `algorithm` asks.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Library`] if the cryptographic library has no randomness or memory.
    pub fn generate(algorithm: Algorithm) -> Result<Self, SigningKeyError> {
        let failed = |_unspecified| SigningKeyError::Library;
        let pair = match algorithm.family() {
            KeyFamily::Ec(curve) => {
                Pair::Ec(EcdsaKeyPair::generate(curve.signing).map_err(failed)?)
            }
            KeyFamily::Ed25519 => Pair::Ed25519(Ed25519KeyPair::generate().map_err(failed)?),
            KeyFamily::Rsa(_) => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?),
        };
        Self::new(pair, algorithm, None)
    }

    /// Reads the first private key of a PEM text: PKCS#8, SEC 1 or PKCS#1.
    ///
    /// The algorithm is that of its type: `EdDSA`, `ES256`, `ES384`, and `RS256` for RSA; for
    /// `PS256` or `Ed25519` use [`from_pkcs8`](Self::from_pkcs8) or a JWK. The id is the key's
    /// SHA-256 thumbprint (RFC 7638); [`with_id`](Self::with_id) sets another.
    ///
    /// A text that an environment variable or a secret store damaged is read where one reading is
    /// left: line ends that are written `\n`, are spaces, or are gone; indentation; quotes and
    /// other text around; a missing `BEGIN` or `END` line; the base64 of the whole.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`], which names the damage and never quotes the text.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, SigningKeyError> {
        let wanted = PemKind::PrivateKey;
        let ders = pem::read(pem.as_ref(), wanted)?;
        let der = ders.first().ok_or(PemError::Missing)?;
        if let Some((pair, algorithm)) = Pair::of_any_type(der) {
            return Self::new(pair, algorithm, None);
        }
        if read_spki(der).is_some() {
            let found = PemKind::PublicKey;
            return Err(PemError::Kind { found, wanted }.into());
        }
        Err(SigningKeyError::Unsupported(None))
    }

    /// Reads a key in PKCS#8 form (DER) for `algorithm`.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Unsupported`] if it is not a sound key of the type that `algorithm` needs.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, SigningKeyError> {
        let pair = Pair::from_der(algorithm, der);
        let pair = pair.ok_or(SigningKeyError::Unsupported(Some(algorithm)))?;
        Self::new(pair, algorithm, None)
    }

    /// Reads a private JWK (RFC 7517). An RSA key needs `p`, `q`, `dp`, `dq` and `qi` too.
    ///
    /// Its `alg` and `kid` are taken where present; else as in [`from_pem`](Self::from_pem).
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Jwk`] for members that are missing, malformed or contradict the purpose,
    /// [`SigningKeyError::Unsupported`] for numbers that do not make a sound key.
    pub fn from_jwk(json: &str) -> Result<Self, SigningKeyError> {
        let (pair, algorithm, id) = private_jwk::parse(json)?;
        Self::new(pair, algorithm, id)
    }

    fn new(pair: Pair, algorithm: Algorithm, id: Option<KeyId>) -> Result<Self, SigningKeyError> {
        let public = VerifyingKey::new(None, algorithm, pair.public())?;
        let id = match id {
            Some(id) => id,
            None => KeyId::new(public.thumbprint()).map_err(|_invalid| SigningKeyError::Library)?,
        };
        Ok(Self {
            pair: Arc::new(pair),
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

    /// Returns the only algorithm that it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
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
        let der: Result<Pkcs8V1Der<'static>, _> = match &*self.pair {
            Pair::Ec(pair) => {
                let document = pair.to_pkcs8v1().map_err(|_| SigningKeyError::Library)?;
                return Ok(Zeroizing::new(document.as_ref().to_vec()));
            }
            Pair::Ed25519(pair) => pair.as_der(),
            Pair::Rsa(pair) => pair.as_der(),
        };
        let der = der.map_err(|_unspecified| SigningKeyError::Library)?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// Writes the key as PEM (`PRIVATE KEY`), to be kept in a secret store.
    ///
    /// # Errors
    ///
    /// As [`to_pkcs8`](Self::to_pkcs8).
    pub fn to_pem(&self) -> Result<Zeroizing<String>, SigningKeyError> {
        use base64ct::{Base64, Encoding as _};
        const LINE: usize = 64;

        let der = self.to_pkcs8()?;
        let base64 = Zeroizing::new(Base64::encode_string(&der));
        // Reserved at once: a string that grows would leave copies behind.
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
        let random = SystemRandom::new();
        Some(match &*self.pair {
            Pair::Ec(pair) => pair.sign(&random, message).ok()?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.try_sign(message).ok()?.as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(self.padding(), &random, message, &mut signature)
                    .ok()?;
                signature
            }
        })
    }

    fn padding(&self) -> &'static dyn RsaEncoding {
        if self.algorithm() == Algorithm::Ps256 {
            &RSA_PSS_SHA256
        } else {
            &RSA_PKCS1_SHA256
        }
    }
}

impl Pair {
    /// Reads a key of whichever type; an RSA key is for `RS256`.
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

    fn from_der(algorithm: Algorithm, der: &[u8]) -> Option<Self> {
        Some(match algorithm.family() {
            KeyFamily::Ec(curve) => {
                Self::Ec(EcdsaKeyPair::from_private_key_der(curve.signing, der).ok()?)
            }
            KeyFamily::Ed25519 => Self::Ed25519(Ed25519KeyPair::from_pkcs8(der).ok()?),
            KeyFamily::Rsa(_) => {
                let pair = RsaKeyPair::from_pkcs8(der);
                Self::Rsa(pair.or_else(|_| RsaKeyPair::from_der(der)).ok()?)
            }
        })
    }

    fn public(&self) -> Public {
        match self {
            Self::Ec(pair) => {
                // SEC 1 §2.3.3: a byte for the form, then both coordinates.
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                Public::Ec {
                    x: x.to_vec(),
                    y: y.to_vec(),
                }
            }
            Self::Ed25519(pair) => Public::Okp {
                x: pair.public_key().as_ref().to_vec(),
            },
            Self::Rsa(pair) => Public::of_rsa(pair.public_key()),
        }
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
