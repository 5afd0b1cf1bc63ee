//! The numbers of a public key, and their checks.

use std::ops::RangeInclusive;

use aws_lc_rs::rsa::{PublicKey as RsaPublicKey, PublicKeyComponents};
use aws_lc_rs::signature::{ED25519, ParsedPublicKey};

use super::algorithm::{Algorithm, KeyType};
use super::key_rejected::KeyRejected;

/// The numbers of a public key, big-endian.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum PublicNumbers {
    Ec { x: Vec<u8>, y: Vec<u8> },
    Okp { x: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl PublicNumbers {
    pub(super) fn of_rsa(key: &RsaPublicKey) -> Self {
        Self::Rsa {
            n: key.modulus().big_endian_without_leading_zero().to_vec(),
            e: key.exponent().big_endian_without_leading_zero().to_vec(),
        }
    }

    /// Reads a SubjectPublicKeyInfo or a PKCS#1 key (DER), and names the default algorithm of its
    /// type.
    pub(super) fn from_spki(der: &[u8]) -> Option<(Algorithm, Self)> {
        if let Some(x) = der.strip_prefix(SPKI_ED25519) {
            return Some((Algorithm::EdDsa, Self::Okp { x: x.to_vec() }));
        }
        for (prefix, algorithm) in [(SPKI_P256, Algorithm::Es256), (SPKI_P384, Algorithm::Es384)] {
            if let Some(point) = der.strip_prefix(prefix) {
                let (x, y) = point.split_at(point.len() / 2);
                let (x, y) = (x.to_vec(), y.to_vec());
                return Some((algorithm, Self::Ec { x, y }));
            }
        }
        let key = RsaPublicKey::from_der(der).ok()?;
        Some((Algorithm::Rs256, Self::of_rsa(&key)))
    }

    /// Checks the numbers and makes the key that verifies `algorithm`.
    pub(super) fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyRejected> {
        match (algorithm.key_type(), self) {
            (KeyType::Ec(curve), Self::Ec { x, y }) => {
                if x.len() != curve.width || y.len() != curve.width {
                    return Err(KeyRejected::Point);
                }
                // SEC 1 §2.3.3, uncompressed; parsing checks that the point is on the curve.
                let point = [&[4], x.as_slice(), y].concat();
                ParsedPublicKey::new(curve.verification, point).map_err(|_error| KeyRejected::Point)
            }
            (KeyType::Ed25519, Self::Okp { x }) => {
                if x.len() != 32 || has_small_order(x) {
                    return Err(KeyRejected::Point);
                }
                ParsedPublicKey::new(&ED25519, x).map_err(|_error| KeyRejected::Point)
            }
            (KeyType::Rsa(parameters), Self::Rsa { n, e }) => {
                check_rsa(n, e)?;
                PublicKeyComponents { n, e }
                    .to_parsed_public_key(parameters)
                    .map_err(|_error| KeyRejected::Modulus)
            }
            _ => Err(KeyRejected::Algorithm),
        }
    }
}

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
/// For such a key, all zeros among them, one signature can be valid for any message.
fn has_small_order(point: &[u8]) -> bool {
    let Ok(mut point) = <[u8; 32]>::try_from(point) else {
        return false;
    };
    point[31] &= 0x7f;
    SMALL_ORDER.contains(&point)
}

const fn ends(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// The bytes before the key itself in a SubjectPublicKeyInfo: constant for each curve (RFC 5480,
/// RFC 8410).
const SPKI_ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
const SPKI_P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
    \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04";
const SPKI_P384: &[u8] = b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
    \x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00\x04";

/// Least and greatest modulus in bits. RFC 7518 §3.3 requires 2048; more than 8192 makes each
/// verification slow enough to be an attack.
const MODULUS_BITS: RangeInclusive<usize> = 2048..=8192;

/// Greatest public exponent in bits, as in the cryptographic library.
const MAX_EXPONENT_BITS: usize = 33;

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
