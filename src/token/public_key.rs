//! Public keys as they are kept, and their checks.
//!
//! jsonwebtoken takes any bytes as a key and fails at the first token, if at all: it accepts RSA keys
//! with a small exponent, and points of small order. So the checks are here, at load time. Only whether an
//! Ed25519 point is on its curve is left open, as aws-lc-rs offers no check: such a key verifies nothing.

use std::ops::RangeInclusive;

use aws_lc_rs::rsa::{PublicKey as RsaPublicKey, PublicKeyComponents};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, DecodingKeyKind};

use super::algorithm::{Algorithm, Curve, KeyType};
use super::key_rejected::KeyRejected;
use crate::base::ed25519::has_small_order;
use crate::base::pem;

/// The numbers of a checked key, big-endian.
#[derive(Eq, PartialEq)]
pub(super) enum PublicNumbers<'a> {
    Ec { x: &'a [u8], y: &'a [u8] },
    Okp { x: &'a [u8] },
    Rsa { n: &'a [u8], e: &'a [u8] },
}

impl<'a> PublicNumbers<'a> {
    /// Reads a key that [`check`] returned.
    pub(super) fn of(key: &'a DecodingKey) -> Self {
        match (key.kind(), key.family()) {
            (DecodingKeyKind::RsaModulusExponent { n, e }, _) => Self::Rsa { n, e },
            (DecodingKeyKind::SecretOrDer(x), AlgorithmFamily::Ed) => Self::Okp { x },
            (DecodingKeyKind::SecretOrDer(point), _) => {
                // SEC 1 §2.3.3: a byte for the form, then both coordinates.
                let point = point.get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                Self::Ec { x, y }
            }
        }
    }
}

/// Checks a key for `algorithm`, and brings it into the form in which keys are kept and compared: a bare
/// point, or modulus and exponent without leading zero bytes.
pub(super) fn check(key: DecodingKey, algorithm: Algorithm) -> Result<DecodingKey, KeyRejected> {
    check_family(key.family(), algorithm)?;
    let spki = match key.kind() {
        DecodingKeyKind::SecretOrDer(der) => from_spki(der),
        DecodingKeyKind::RsaModulusExponent { .. } => None,
    };
    let key = spki.map_or(key, |(_default, key)| key);
    check_family(key.family(), algorithm)?;
    match (algorithm.key_type(), key.kind()) {
        (KeyType::Ec(curve), DecodingKeyKind::SecretOrDer(point)) => check_point(point, &curve)?,
        (KeyType::Ed25519, DecodingKeyKind::SecretOrDer(point)) => check_ed25519(point)?,
        (KeyType::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            let (n, e) = (unsigned(n), unsigned(e));
            check_rsa(n, e)?;
            return Ok(DecodingKey::from_rsa_raw_components(n, e));
        }
        _ => return Err(KeyRejected::Type),
    }
    Ok(key)
}

pub(super) fn check_family(
    family: AlgorithmFamily,
    algorithm: Algorithm,
) -> Result<(), KeyRejected> {
    match (family, algorithm.key_type()) {
        (AlgorithmFamily::Ec, KeyType::Ec(_))
        | (AlgorithmFamily::Ed, KeyType::Ed25519)
        | (AlgorithmFamily::Rsa, KeyType::Rsa) => Ok(()),
        (AlgorithmFamily::Hmac, _) => Err(KeyRejected::Symmetric),
        _ => Err(KeyRejected::Algorithm),
    }
}

/// Reads a SubjectPublicKeyInfo or a PKCS#1 key (DER), and names the default algorithm of its type.
pub(super) fn from_spki(der: &[u8]) -> Option<(Algorithm, DecodingKey)> {
    let contents = pem::sequence(der)?;
    if let Some(x) = der.strip_prefix(SPKI_ED25519) {
        return Some((Algorithm::EdDsa, DecodingKey::from_ed_der(x)));
    }
    for (prefix, algorithm) in [(SPKI_P256, Algorithm::Es256), (SPKI_P384, Algorithm::Es384)] {
        // The prefix ends with the point's first byte.
        let form = prefix.len() - 1;
        if der.starts_with(prefix) {
            return Some((algorithm, DecodingKey::from_ec_der(&der[form..])));
        }
    }
    // The library would take a key for PSS alone too (RFC 4055 §1.2).
    if ![SPKI_RSA, PKCS1]
        .iter()
        .any(|start| contents.starts_with(start))
    {
        return None;
    }
    let key = RsaPublicKey::from_der(der).ok()?;
    Some((Algorithm::Rs256, of_rsa(&key)))
}

pub(super) fn of_rsa(key: &RsaPublicKey) -> DecodingKey {
    DecodingKey::from_rsa_raw_components(
        key.modulus().big_endian_without_leading_zero(),
        key.exponent().big_endian_without_leading_zero(),
    )
}

fn check_point(point: &[u8], curve: &Curve) -> Result<(), KeyRejected> {
    // SEC 1 §2.3.3, uncompressed; parsing checks that the point is on the curve.
    if point.len() != 1 + 2 * curve.width || point.first() != Some(&4) {
        return Err(KeyRejected::Type);
    }
    let parsed = ParsedPublicKey::new(curve.verification, point);
    parsed.map(drop).map_err(|_error| KeyRejected::Point)
}

fn check_ed25519(point: &[u8]) -> Result<(), KeyRejected> {
    if point.len() != ED25519_WIDTH {
        return Err(KeyRejected::Type);
    }
    if has_small_order(point) {
        return Err(KeyRejected::Point);
    }
    Ok(())
}

fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyRejected> {
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    if !MODULUS_BITS.contains(&bits(n)) || !is_odd(n) {
        return Err(KeyRejected::Modulus);
    }
    if !(2..=MAX_EXPONENT_BITS).contains(&bits(e)) || !is_odd(e) {
        return Err(KeyRejected::Exponent);
    }
    let parsed = PublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
    parsed.map(drop).map_err(|_error| KeyRejected::Modulus)
}

/// Removes the zero bytes that some libraries put before a number (RFC 7518 §6.3.1.1).
fn unsigned(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// Returns the length in bits of a number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |byte| byte.leading_zeros());
    (number.len() * 8).saturating_sub(leading as usize)
}

/// The bytes before the key itself in a SubjectPublicKeyInfo: constant for each curve (RFC 5480,
/// RFC 8410).
const SPKI_ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
const SPKI_P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
    \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04";
const SPKI_P384: &[u8] = b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
    \x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00\x04";

/// The first bytes within the sequence of an RSA key: the algorithm `rsaEncryption` (RFC 3279 §2.3.1),
/// or the modulus.
const SPKI_RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
const PKCS1: &[u8] = b"\x02";

/// Length of an Ed25519 key in bytes.
pub(super) const ED25519_WIDTH: usize = 32;

/// Least and greatest modulus in bits. RFC 7518 §3.3 requires 2048; more than 8192 makes each
/// verification slow enough to be an attack.
const MODULUS_BITS: RangeInclusive<usize> = 2048..=8192;

/// Greatest public exponent in bits, as in the cryptographic library.
const MAX_EXPONENT_BITS: usize = 33;
