//! One key as JSON (RFC 7517): what is read from others and what is published.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::algorithm::{Algorithm, KeyFamily};
use super::base64url;
use super::key_id::KeyId;
use super::verifying::{Public, VerifyingKey};
use crate::base::pem::PemError;

/// Why a key cannot verify tokens.
///
/// Texts say which member is wrong, never what stands in it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyRejected {
    /// It is not a JSON object of the members of RFC 7517, or a member stands in it twice.
    #[error("the key is not a JSON object of well-formed members")]
    Json,
    /// Its JSON was changed on the way here, as by an environment variable or a shell.
    #[error("the JSON is damaged: {0}")]
    Damaged(&'static str),
    /// There is no readable public key in the PEM text.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A member is missing, or is not base64url without padding.
    #[error("the key's member `{0}` is missing or not base64url without padding")]
    Member(&'static str),
    /// Its `kid` is empty, too long or holds a control character.
    #[error("the key's `kid` is not usable")]
    KeyId,
    /// It carries private members. Whoever published it must replace it: it is known to everyone.
    #[error("the key carries private members: it is compromised")]
    Private,
    /// It is symmetric; a key that verifies could then sign as well.
    #[error("the key is symmetric")]
    Symmetric,
    /// Its `kty` or `crv` is not one that this crate knows.
    #[error("the key's type or curve is not supported")]
    Type,
    /// Its `alg` is not one that this crate knows, or does not fit its type and curve.
    #[error("the key's `alg` is not supported or does not fit its type")]
    Algorithm,
    /// Its `use` is not `sig`.
    #[error("the key's `use` is not `sig`")]
    Use,
    /// Its `key_ops` lack `verify`; for a private key, `sign`.
    #[error("the key's `key_ops` do not allow this use")]
    KeyOps,
    /// Its point is not on the curve, or has a small order.
    #[error("the key's point is not on its curve")]
    Point,
    /// Its modulus has fewer than 2048 or more than 8192 bits, or is even.
    #[error("the key's modulus must be odd and have 2048 to 8192 bits")]
    Modulus,
    /// Its exponent is 1, even, or has more than 33 bits.
    #[error("the key's exponent must be odd, more than 1, and have at most 33 bits")]
    Exponent,
}

impl KeyRejected {
    /// Tells why `json` is not read.
    pub(super) fn of_json(json: &str) -> Self {
        json_damage(json).map_or(Self::Json, Self::Damaged)
    }
}

/// Names what a variable, a shell or a secret store did to a JSON object, by its first characters.
pub(super) fn json_damage(text: &str) -> Option<&'static str> {
    let text = text.trim_start();
    let Some(members) = text.strip_prefix('{') else {
        let starts = [
            ("\u{feff}", "a byte order mark stands before it"),
            ("\"", "it is in quotes"),
            ("'", "it is in quotes"),
            ("`", "it is in quotes"),
            ("\\", "it is escaped"),
            ("eyJ", "it is base64"),
            ("ewo", "it is base64"),
            ("eyA", "it is base64"),
            ("ew0", "it is base64"),
            ("-----", "it is PEM, which `from_pem` reads"),
        ];
        let damage = starts.iter().find(|(start, _)| text.starts_with(start));
        return damage.map(|(_, damage)| *damage);
    };
    match members.trim_start().chars().next()? {
        '\\' => Some("it is escaped"),
        '\'' => Some("its quotes are single ones"),
        c if c.is_alphabetic() => Some("its quotes are missing"),
        _ => None,
    }
}

/// A key as it is published. It has no private member to leak.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Jwk {
    kty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    alg: &'static str,
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

/// The members that decide, as others write them.
#[derive(Deserialize)]
struct Received {
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
    // Whether they are there is all that is asked: their text is not kept.
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
    /// Reads a key that others published; also returns whether it names its algorithm.
    pub(super) fn parse(json: &str) -> Result<(VerifyingKey, bool), KeyRejected> {
        let received: Received =
            serde_json::from_str(json).map_err(|_error| KeyRejected::of_json(json))?;
        received.check_purpose()?;
        let id = received.kid.as_deref().map(KeyId::new).transpose();
        let id = id.map_err(|_invalid| KeyRejected::KeyId)?;
        let algorithm = algorithm_of(
            &received.kty,
            received.crv.as_deref(),
            received.alg.as_deref(),
        )?;
        let key = VerifyingKey::new(id, algorithm, received.public(algorithm)?)?;
        Ok((key, received.alg.is_some()))
    }

    pub(super) fn of(id: Option<KeyId>, algorithm: Algorithm, public: &Public) -> Self {
        let mut jwk = Self {
            kty: "",
            kid: id.map(|id| id.as_str().to_owned()),
            alg: algorithm.as_str(),
            r#use: "sig",
            crv: None,
            x: None,
            y: None,
            n: None,
            e: None,
        };
        match public {
            Public::Ec { x, y } => {
                jwk.kty = "EC";
                jwk.x = Some(base64url::encode(x));
                jwk.y = Some(base64url::encode(y));
            }
            Public::Okp { x } => {
                jwk.kty = "OKP";
                jwk.x = Some(base64url::encode(x));
            }
            Public::Rsa { n, e } => {
                jwk.kty = "RSA";
                jwk.n = Some(base64url::encode(n));
                jwk.e = Some(base64url::encode(e));
            }
        }
        jwk.crv = match algorithm.family() {
            KeyFamily::Ec(curve) => Some(curve.name),
            KeyFamily::Ed25519 => Some("Ed25519"),
            KeyFamily::Rsa(_) => None,
        };
        jwk
    }

    /// Returns the SHA-256 thumbprint of RFC 7638: over the required members, in their order.
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

impl Received {
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

    fn public(&self, algorithm: Algorithm) -> Result<Public, KeyRejected> {
        Ok(match algorithm.family() {
            KeyFamily::Ec(_) => Public::Ec {
                x: decode("x", self.x.as_deref())?,
                y: decode("y", self.y.as_deref())?,
            },
            KeyFamily::Ed25519 => Public::Okp {
                x: decode("x", self.x.as_deref())?,
            },
            KeyFamily::Rsa(_) => Public::Rsa {
                n: unsigned(decode("n", self.n.as_deref())?),
                e: unsigned(decode("e", self.e.as_deref())?),
            },
        })
    }
}

/// Decides the algorithm by type and curve; `alg` may only agree.
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

/// Drops the zero bytes that some libraries put before a number (RFC 7518 §6.3.1.1).
fn unsigned(mut number: Vec<u8>) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.drain(..zeros);
    number
}
