//! Public keys, parsed once.

use std::sync::Arc;
use std::{fmt, iter};

use aws_lc_rs::rsa::{PublicKey as RsaPublicKey, PublicKeyComponents};
use aws_lc_rs::signature::{ED25519, ParsedPublicKey};

use super::algorithm::{Algorithm, KeyFamily};
use super::jwk::{Jwk, KeyRejected};
use super::key_id::KeyId;
use super::signing::Pair;
use super::source::KeyQuery;
use crate::base::pem;
use crate::base::pem::{PemError, PemKind};

/// A public key with its one algorithm, parsed and ready to verify.
///
/// Its algorithm is part of the key, so that a token cannot choose how a key is used. Where a key
/// names none, the verifier's configuration decides
/// ([`algorithms`](super::verifier::TokenVerifierBuilder::algorithms)). Copies share the parsed key.
#[derive(Clone)]
pub struct VerifyingKey {
    id: Option<KeyId>,
    key: Arc<Key>,
}

struct Key {
    algorithm: Algorithm,
    public: Public,
    parsed: ParsedPublicKey,
    /// The same for the other algorithm of its type, of a key that names none.
    other: Option<Arc<Self>>,
}

/// The numbers of a public key, big-endian.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Public {
    Ec { x: Vec<u8>, y: Vec<u8> },
    Okp { x: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl VerifyingKey {
    /// Reads one JWK (RFC 7517).
    ///
    /// A key without `alg` is for the algorithm of its type and curve: `EdDSA`, `ES256`, `ES384`,
    /// and `RS256` for RSA, unless the verifier's
    /// [`algorithms`](super::verifier::TokenVerifierBuilder::algorithms) choose `Ed25519` or `PS256`.
    ///
    /// # Errors
    ///
    /// [`KeyRejected`] for anything that must not verify tokens: see its variants.
    pub fn from_jwk(json: &str) -> Result<Self, KeyRejected> {
        let (mut key, is_named) = Jwk::parse(json)?;
        if !is_named {
            key.add_other()?;
        }
        Ok(key)
    }

    /// Reads the first public key of a PEM text: X.509 SubjectPublicKeyInfo or PKCS#1.
    ///
    /// The algorithm is as of a JWK without `alg`. The key has no id: give it the one that its
    /// tokens name, with [`with_id`](Self::with_id). Damaged texts are read as by
    /// [`SigningKey::from_pem`](super::signing::SigningKey::from_pem).
    ///
    /// # Errors
    ///
    /// [`KeyRejected::Pem`] if there is no readable public key in the text, [`KeyRejected::Type`]
    /// for a key of another type or a compressed point, and what is said there for a bad key.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, KeyRejected> {
        let wanted = PemKind::PublicKey;
        let ders = pem::read(pem.as_ref(), wanted)?;
        let der = ders.first().ok_or(PemError::Missing)?;
        let Some((algorithm, public)) = read_spki(der) else {
            let is_private = Pair::of_any_type(der).is_some();
            let found = PemKind::PrivateKey;
            return Err(if is_private {
                PemError::Kind { found, wanted }.into()
            } else {
                KeyRejected::Type
            });
        };
        let mut key = Self::new(None, algorithm, public)?;
        key.add_other()?;
        Ok(key)
    }

    pub(super) fn new(
        id: Option<KeyId>,
        algorithm: Algorithm,
        public: Public,
    ) -> Result<Self, KeyRejected> {
        let key = Arc::new(Key::new(algorithm, public, None)?);
        Ok(Self { id, key })
    }

    /// Lets the verifier's configuration choose the algorithm, where the type has two.
    fn add_other(&mut self) -> Result<(), KeyRejected> {
        let Key {
            algorithm, public, ..
        } = &*self.key;
        let mut others = algorithm.of_same_type().iter().copied();
        if let Some(other) = others.find(|other| other != algorithm) {
            let other = Key::new(other, public.clone(), None)?;
            let key = Key::new(*algorithm, public.clone(), Some(Arc::new(other)))?;
            self.key = Arc::new(key);
        }
        Ok(())
    }

    /// Returns this key for the algorithm of `query`, if it is for that one.
    pub(super) fn for_algorithm_of(&self, query: &KeyQuery<'_>) -> Option<Self> {
        let Key { other, .. } = &*self.key;
        if other.is_some() && !query.is_first {
            return None;
        }
        let mut keys = iter::once(&self.key).chain(other);
        let key = keys.find(|key| key.algorithm == query.algorithm)?;
        Some(Self {
            id: self.id.clone(),
            key: Arc::clone(key),
        })
    }

    /// Returns whether both are one key, whatever their ids.
    pub(super) fn is_same_key(&self, other: &Self) -> bool {
        self.key.public == other.key.public
    }

    /// Returns the same key under another id.
    #[must_use]
    pub fn with_id(mut self, id: KeyId) -> Self {
        self.id = Some(id);
        self
    }

    /// Returns the id that tokens name it by; a key without one verifies only tokens without one.
    #[must_use]
    pub const fn id(&self) -> Option<&KeyId> {
        self.id.as_ref()
    }

    /// Returns the only algorithm that it verifies; of a key that names none, the one of its type
    /// that a verifier chooses by default.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm
    }

    /// Returns the SHA-256 thumbprint of RFC 7638, base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.to_jwk().thumbprint()
    }

    /// Returns the JWK to publish: public members only.
    pub(super) fn to_jwk(&self) -> Jwk {
        Jwk::of(self.id.clone(), self.key.algorithm, &self.key.public)
    }

    /// Returns whether `signature` is this key's over `message`.
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

impl Key {
    fn new(
        algorithm: Algorithm,
        public: Public,
        other: Option<Arc<Self>>,
    ) -> Result<Self, KeyRejected> {
        let parsed = parse(algorithm, &public)?;
        Ok(Self {
            algorithm,
            public,
            parsed,
            other,
        })
    }
}

fn parse(algorithm: Algorithm, public: &Public) -> Result<ParsedPublicKey, KeyRejected> {
    match (algorithm.family(), public) {
        (KeyFamily::Ec(curve), Public::Ec { x, y }) => {
            if x.len() != curve.width || y.len() != curve.width {
                return Err(KeyRejected::Point);
            }
            // SEC 1 §2.3.3, uncompressed; parsing checks that the point is on the curve.
            let point = [&[4], x.as_slice(), y].concat();
            ParsedPublicKey::new(curve.verification, point).map_err(|_error| KeyRejected::Point)
        }
        (KeyFamily::Ed25519, Public::Okp { x }) => {
            if x.len() != 32 || has_small_order(x) {
                return Err(KeyRejected::Point);
            }
            ParsedPublicKey::new(&ED25519, x).map_err(|_error| KeyRejected::Point)
        }
        (KeyFamily::Rsa(parameters), Public::Rsa { n, e }) => {
            check_rsa(n, e)?;
            PublicKeyComponents { n, e }
                .to_parsed_public_key(parameters)
                .map_err(|_error| KeyRejected::Modulus)
        }
        _ => Err(KeyRejected::Algorithm),
    }
}

/// What stands before the key itself in a SubjectPublicKeyInfo: constant for each curve (RFC 5480,
/// RFC 8410).
const SPKI_ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
const SPKI_P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
    \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04";
const SPKI_P384: &[u8] = b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
    \x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00\x04";

pub(super) fn read_spki(der: &[u8]) -> Option<(Algorithm, Public)> {
    if let Some(x) = der.strip_prefix(SPKI_ED25519) {
        return Some((Algorithm::EdDsa, Public::Okp { x: x.to_vec() }));
    }
    for (prefix, algorithm) in [(SPKI_P256, Algorithm::Es256), (SPKI_P384, Algorithm::Es384)] {
        if let Some(point) = der.strip_prefix(prefix) {
            let (x, y) = point.split_at(point.len() / 2);
            let (x, y) = (x.to_vec(), y.to_vec());
            return Some((algorithm, Public::Ec { x, y }));
        }
    }
    let key = RsaPublicKey::from_der(der).ok()?;
    Some((Algorithm::Rs256, Public::of_rsa(&key)))
}

impl Public {
    pub(super) fn of_rsa(key: &RsaPublicKey) -> Self {
        Self::Rsa {
            n: key.modulus().big_endian_without_leading_zero().to_vec(),
            e: key.exponent().big_endian_without_leading_zero().to_vec(),
        }
    }
}

/// Least and greatest modulus in bits: RFC 7518 §3.3 asks for 2048, and more than 8192 makes each
/// verification slow enough to be an attack.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Greatest public exponent in bits, as in the cryptographic library.
const MAX_EXPONENT_BITS: usize = 33;

fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyRejected> {
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    if !MODULUS_BITS.contains(&bits(n)) || !is_odd(n) {
        return Err(KeyRejected::Modulus);
    }
    if !(2..=MAX_EXPONENT_BITS).contains(&bits(e)) || !is_odd(e) {
        return Err(KeyRejected::Exponent);
    }
    Ok(())
}

/// Returns the length in bits of a number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |byte| byte.leading_zeros());
    (number.len() * 8).saturating_sub(leading as usize)
}

/// Returns whether the encoded point has an order of 8 or less.
///
/// For such a key, of which all zeros is one, a signature can be made that holds for any message.
fn has_small_order(point: &[u8]) -> bool {
    let Ok(mut point) = <[u8; 32]>::try_from(point) else {
        return false;
    };
    point[31] &= 0x7f;
    SMALL_ORDER.contains(&point)
}

/// The y coordinates of the points of small order on Curve25519, and their other encodings below
/// 2^255, little-endian, without the sign (Cremers and Jackson, "Prime, Order Please!", 2019).
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    ends(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    ends(0xec, 0xff, 0x7f),
    ends(0xed, 0xff, 0x7f),
    ends(0xee, 0xff, 0x7f),
];

const fn ends(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}
