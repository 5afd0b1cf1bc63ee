//! One public key as JSON (RFC 7517), read and published.
//!
//! jsonwebtoken's `Jwk` drops private members and doubled ones, takes `oct`, and has no `alg` `Ed25519`.

use jsonwebtoken::DecodingKey;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::algorithm::{Algorithm, KeyType};
use super::base64url;
use super::key_id::KeyId;
use super::key_rejected::KeyRejected;
use super::public_key::{ED25519_WIDTH, PublicNumbers};

/// A published key. The type has no private member to leak.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Jwk {
    kty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<&'static str>,
    r#use: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
}

/// A key that another party published. It is not checked yet.
pub(super) struct PublishedKey {
    pub(super) id: Option<KeyId>,
    pub(super) algorithm: Algorithm,
    /// Whether the key names its algorithm.
    pub(super) has_algorithm: bool,
    pub(super) key: DecodingKey,
}

/// The members of another party's key that matter.
#[derive(Deserialize)]
struct JwkMembers {
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
    // Only their presence matters: their text is not stored.
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl Jwk {
    pub(super) fn new(
        id: Option<KeyId>,
        alg: Option<Algorithm>,
        key_type: KeyType,
        key: &DecodingKey,
    ) -> Self {
        let mut jwk = Self {
            kty: "",
            kid: id.map(|id| id.as_str().to_owned()),
            alg: alg.map(Algorithm::as_str),
            r#use: "sig",
            crv: None,
            x: None,
            y: None,
            n: None,
            e: None,
        };
        match PublicNumbers::of(key) {
            PublicNumbers::Ec { x, y } => {
                jwk.kty = "EC";
                jwk.x = Some(base64url::encode(x));
                jwk.y = Some(base64url::encode(y));
            }
            PublicNumbers::Okp { x } => {
                jwk.kty = "OKP";
                jwk.x = Some(base64url::encode(x));
            }
            PublicNumbers::Rsa { n, e } => {
                jwk.kty = "RSA";
                jwk.n = Some(base64url::encode(n));
                jwk.e = Some(base64url::encode(e));
            }
        }
        jwk.crv = match key_type {
            KeyType::Ec(curve) => Some(curve.name),
            KeyType::Ed25519 => Some("Ed25519"),
            KeyType::Rsa => None,
        };
        jwk
    }

    /// Returns the SHA-256 thumbprint of RFC 7638: over the required members, in their order.
    /// jsonwebtoken's reads the process-wide provider.
    pub(super) fn thumbprint(&self) -> String {
        #[derive(Serialize)]
        struct Required<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            crv: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            e: Option<&'a str>,
            kty: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            n: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            x: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            y: Option<&'a str>,
        }
        let required = Required {
            crv: self.crv,
            e: self.e.as_deref(),
            kty: self.kty,
            n: self.n.as_deref(),
            x: self.x.as_deref(),
            y: self.y.as_deref(),
        };
        // Texts cannot fail to serialize.
        let json = serde_json::to_vec(&required).unwrap_or_default();
        base64url::encode(&Sha256::digest(json))
    }
}

impl PublishedKey {
    /// Reads a JWK.
    pub(super) fn parse(json: &str) -> Result<Self, KeyRejected> {
        let members: JwkMembers =
            serde_json::from_str(json).map_err(|_error| KeyRejected::of_json(json))?;
        members.check_purpose()?;
        let id = members.kid.as_deref().map(KeyId::new).transpose();
        let id = id.map_err(|_invalid| KeyRejected::KeyId)?;
        let (crv, alg) = (members.crv.as_deref(), members.alg.as_deref());
        let algorithm = algorithm_of(&members.kty, crv, alg)?;
        Ok(Self {
            id,
            algorithm,
            has_algorithm: alg.is_some(),
            key: members.key(algorithm)?,
        })
    }
}

impl JwkMembers {
    fn check_purpose(&self) -> Result<(), KeyRejected> {
        if self.kty == "oct" || self.k.is_some() {
            return Err(KeyRejected::Symmetric);
        }
        let private = [
            &self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi, &self.oth,
        ];
        if private.iter().any(|member| member.is_some()) {
            return Err(KeyRejected::Private);
        }
        if self.r#use.as_deref().is_some_and(|usage| usage != "sig") {
            return Err(KeyRejected::Use);
        }
        let verifies = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
        if !self.key_ops.as_ref().is_none_or(verifies) {
            return Err(KeyRejected::KeyOps);
        }
        Ok(())
    }

    fn key(&self, algorithm: Algorithm) -> Result<DecodingKey, KeyRejected> {
        Ok(match algorithm.key_type() {
            KeyType::Ec(curve) => {
                let x = coordinate("x", self.x.as_deref(), curve.width)?;
                let y = coordinate("y", self.y.as_deref(), curve.width)?;
                DecodingKey::from_ec_der(&[&[4], &*x, &*y].concat())
            }
            KeyType::Ed25519 => {
                let x = coordinate("x", self.x.as_deref(), ED25519_WIDTH)?;
                DecodingKey::from_ed_der(&x)
            }
            KeyType::Rsa => {
                let n = decode("n", self.n.as_deref())?;
                let e = decode("e", self.e.as_deref())?;
                DecodingKey::from_rsa_raw_components(&n, &e)
            }
        })
    }
}

/// Decides the algorithm by type and curve; `alg` must agree.
pub(super) fn algorithm_of(
    kty: &str,
    crv: Option<&str>,
    alg: Option<&str>,
) -> Result<Algorithm, KeyRejected> {
    let default = match (kty, crv) {
        ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
        ("EC", Some("P-256")) => Algorithm::Es256,
        ("EC", Some("P-384")) => Algorithm::Es384,
        ("RSA", _) => Algorithm::Rs256,
        _ => return Err(KeyRejected::Type),
    };
    let Some(alg) = alg else {
        return Ok(default);
    };
    let mut fitting = default.of_same_type().iter().copied();
    fitting
        .find(|algorithm| algorithm.as_str() == alg)
        .ok_or(KeyRejected::Algorithm)
}

/// Decodes a public member.
pub(super) fn decode(name: &'static str, text: Option<&str>) -> Result<Vec<u8>, KeyRejected> {
    let decoded = text.map(base64url::decode).and_then(Result::ok);
    decoded.ok_or(KeyRejected::Member(name))
}

/// Decodes a coordinate of `width` bytes.
pub(super) fn coordinate(
    name: &'static str,
    text: Option<&str>,
    width: usize,
) -> Result<Vec<u8>, KeyRejected> {
    let bytes = decode(name, text)?;
    if bytes.len() == width {
        Ok(bytes)
    } else {
        Err(KeyRejected::Point)
    }
}
