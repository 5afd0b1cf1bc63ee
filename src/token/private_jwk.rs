//! A private key as JSON (RFC 7517, RFC 7518 §6, RFC 8037), which jsonwebtoken does not read.

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, KeyType};
use super::base64url;
use super::jwk::{algorithm_of, coordinate, decode};
use super::key_id::KeyId;
use super::key_rejected::KeyRejected;
use super::signing_pair::{SigningKeyError, SigningPair};
use crate::base::secret::Secret;

/// The members of a private key that matter.
#[derive(Deserialize)]
struct PrivateMembers {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<SecretText>,
    p: Option<SecretText>,
    q: Option<SecretText>,
    dp: Option<SecretText>,
    dq: Option<SecretText>,
    qi: Option<SecretText>,
    oth: Option<IgnoredAny>,
}

/// Reads a key pair, its algorithm, and its id if it has one.
pub(super) fn parse(
    json: &str,
) -> Result<(SigningPair, Algorithm, Option<KeyId>), SigningKeyError> {
    let members: PrivateMembers =
        serde_json::from_str(json).map_err(|_error| KeyRejected::of_json(json))?;
    members.check_purpose()?;
    let (crv, alg) = (members.crv.as_deref(), members.alg.as_deref());
    let algorithm = algorithm_of(&members.kty, crv, alg)?;
    let id = members.kid.as_deref().map(KeyId::new).transpose();
    let id = id.map_err(|_invalid| KeyRejected::KeyId)?;
    let pair = match algorithm.key_type() {
        KeyType::Ec(curve) => {
            let point = [
                vec![4],
                coordinate("x", members.x.as_deref(), curve.width)?,
                coordinate("y", members.y.as_deref(), curve.width)?,
            ]
            .concat();
            let d = private("d", &members.d)?;
            EcdsaKeyPair::from_private_key_and_public_key(curve.signing, &d, &point)
                .map(|pair| SigningPair::of_ec(&pair))
        }
        KeyType::Ed25519 => {
            let d = private("d", &members.d)?;
            let x = decode("x", members.x.as_deref())?;
            if d.len() != 32 {
                return Err(KeyRejected::Member("d").into());
            }
            Ed25519KeyPair::from_seed_and_public_key(&d, &x)
                .map(|pair| SigningPair::of_ed25519(&pair))
        }
        KeyType::Rsa => RsaKeyPair::from_components(&members.components()?)
            .map(|pair| SigningPair::of_rsa(&pair)),
    };
    let pair = pair.map_err(|_rejected| SigningKeyError::Unsupported(Some(algorithm)))?;
    Ok((pair.ok_or(SigningKeyError::Library)?, algorithm, id))
}

/// Makes a new ES256 key, as a text that [`parse`] reads.
pub(super) fn generate_es256() -> Result<Secret, SigningKeyError> {
    let failed = |_unspecified| SigningKeyError::Library;
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
    let d = pair.private_key().as_be_bytes().map_err(failed)?;
    let d = Zeroizing::new(Base64UrlUnpadded::encode_string(d.as_ref()));
    // SEC 1 §2.3.3: a byte for the form, then both coordinates.
    let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
    let (x, y) = point.split_at(point.len() / 2);
    let (x, y) = (base64url::encode(x), base64url::encode(y));
    // `concat` reserves the whole length at once: a string that grows would leave copies behind.
    let json = [
        r#"{"kty":"EC","crv":"P-256","alg":"ES256","x":""#,
        &x,
        r#"","y":""#,
        &y,
        r#"","d":""#,
        &d,
        r#""}"#,
    ]
    .concat();
    Secret::verbatim(json).map_err(|_empty| SigningKeyError::Library)
}

/// A text that is zeroed when it is dropped.
struct SecretText(Zeroizing<String>);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

type SecretBytes = Zeroizing<Vec<u8>>;

impl PrivateMembers {
    fn check_purpose(&self) -> Result<(), KeyRejected> {
        if self.kty == "oct" {
            return Err(KeyRejected::Symmetric);
        }
        if self.r#use.as_deref().is_some_and(|usage| usage != "sig") {
            return Err(KeyRejected::Use);
        }
        let signs = |ops: &Vec<String>| ops.iter().any(|op| op == "sign");
        if !self.key_ops.as_ref().is_none_or(signs) {
            return Err(KeyRejected::KeyOps);
        }
        Ok(())
    }

    fn components(&self) -> Result<KeyPairComponents<Vec<u8>, SecretBytes>, KeyRejected> {
        if self.oth.is_some() {
            return Err(KeyRejected::Type);
        }
        Ok(KeyPairComponents {
            public_key: PublicKeyComponents {
                n: decode("n", self.n.as_deref())?,
                e: decode("e", self.e.as_deref())?,
            },
            d: private("d", &self.d)?,
            p: private("p", &self.p)?,
            q: private("q", &self.q)?,
            dP: private("dp", &self.dp)?,
            dQ: private("dq", &self.dq)?,
            qInv: private("qi", &self.qi)?,
        })
    }
}

fn private(name: &'static str, text: &Option<SecretText>) -> Result<SecretBytes, KeyRejected> {
    let decoded = text.as_ref().map(|text| base64url::decode_secret(&text.0));
    let decoded = decoded.and_then(Result::ok);
    decoded.ok_or(KeyRejected::Member(name))
}
