//! Properties that fuzz targets and tests share.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::base::clock::{Clock, UnixMillis};
use crate::base::pem;
use crate::base::pem::PemKind;
use crate::token::SigningKey;
use crate::token::TokenVerifier;
use crate::token::{JoseHeader, NumericDate, RawClaims};
use crate::token::{KeySet, MAX_KEYS};

/// Reading claims in one pass agrees with a plain JSON parser. Returns whether they are accepted.
pub(crate) fn claims_agree(json: &str) -> bool {
    let Ok(raw) = RawClaims::parse(json.as_bytes(), &[]) else {
        return false;
    };
    if json.contains("serde_json::private") {
        return true;
    }
    // The parser refuses claims that the verifier checks later.
    let Ok(claims) = serde_json::from_str::<Map<String, Value>>(json) else {
        return true;
    };
    for (name, claim) in [("exp", raw.exp), ("sub", raw.sub), ("aud", raw.aud)] {
        let read: Option<Value> = claim.and_then(|claim| serde_json::from_str(claim.get()).ok());
        assert_eq!(read.as_ref(), claims.get(name), "{name} of {json}");
    }
    let is_number = claims.get("exp").is_some_and(Value::is_number);
    let date = raw.exp.and_then(NumericDate::parse);
    assert_eq!(date.is_some(), is_number, "{json}");
    true
}

/// Claims that a verifier accepts decode as a `Value`: the required claims and the members of `json`.
pub(crate) fn accepted_claims_decode(json: &str) {
    static PARTIES: LazyLock<(SigningKey, TokenVerifier)> =
        LazyLock::new(|| parties().unwrap_or_else(|error| panic!("{error}")));

    let (key, verifier) = &*PARTIES;
    let members = json.trim_start().strip_prefix('{').unwrap_or(json);
    let claims = format!("{CLAIMS},{members}");
    let parts = [r#"{"alg":"EdDSA"}"#, &claims]
        .map(|part| crate::token::base64url::encode(part.as_bytes()));
    let signed = parts.join(".");
    let signature = key.sign(signed.as_bytes()).unwrap_or_default();
    let token = format!("{signed}.{}", crate::token::base64url::encode(&signature));
    if let Ok(token) = verifier.verify_now(&token) {
        let decoded = token.claims::<Value>();
        assert!(decoded.is_ok(), "{claims}: {decoded:?}");
    }
}

/// The required claims, without the closing brace.
const CLAIMS: &str = r#"{"iss":"https://auth.example","aud":"app","sub":"u","exp":1760000060"#;

/// A clock at one minute before the claims expire.
#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> UnixMillis {
        UnixMillis::from_millis(1_760_000_000_000)
    }
}

fn parties() -> Result<(SigningKey, TokenVerifier), Box<dyn std::error::Error>> {
    let key = SigningKey::from_pem(include_str!("../../tests/data/keys/ed25519.pem"))?;
    let keys = KeySet::new([key.verifying_key().clone()])?;
    let verifier = TokenVerifier::builder(keys)
        .issuer("https://auth.example")
        .audience("app")
        .clock(Stopped)
        .build()?;
    Ok((key, verifier))
}

/// An accepted PEM text contains whole DER, and parses to the same DER without damage, in one line, and
/// as base64.
pub(crate) fn pem(input: &[u8]) {
    for (wanted, label) in [
        (PemKind::PrivateKey, "PRIVATE KEY"),
        (PemKind::PublicKey, "PUBLIC KEY"),
        (PemKind::Certificate, "CERTIFICATE"),
    ] {
        let Ok(ders) = pem::read(input, wanted) else {
            continue;
        };
        assert!(!ders.is_empty());
        let block = |der: &pem::Der| {
            let base64 = STANDARD.encode(der);
            format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
        };
        let plain: String = ders.iter().map(block).collect();
        for text in [
            plain.replace('\n', ""),
            plain.replace('\n', "\\n"),
            STANDARD.encode(&plain),
            plain,
        ] {
            assert_eq!(
                pem::read(text.as_bytes(), wanted).as_ref(),
                Ok(&ders),
                "{text}"
            );
        }
    }
}

/// Reading a header in one pass agrees with a plain JSON parser. Returns whether it is accepted.
pub(crate) fn header_agrees(json: &str) -> bool {
    let Some(header) = JoseHeader::parse(json.as_bytes()) else {
        return false;
    };
    let Ok(members) = serde_json::from_str::<Map<String, Value>>(json) else {
        return true;
    };
    for (name, text) in [
        ("alg", header.alg),
        ("kid", header.kid),
        ("typ", header.typ),
    ] {
        let plain = members.get(name).and_then(Value::as_str);
        assert_eq!(
            text.as_ref().map(|text| &*text.0),
            plain,
            "{name} of {json}"
        );
    }
    let extended = ["crit", "b64", "zip"]
        .iter()
        .any(|name| members.contains_key(*name));
    assert_eq!(header.extension.is_some(), extended, "{json}");
    true
}

/// An accepted set is bounded, publishes the keys of its document and nothing private, and parses to the
/// same set again.
pub(crate) fn key_set(json: &[u8]) {
    let Ok(set) = KeySet::from_json(json) else {
        return;
    };
    assert!((1..=MAX_KEYS).contains(&set.keys().len()));
    let published = set.to_json();
    assert_published(&set, json, &published);
    let again = KeySet::from_json(&published);
    let again = again.unwrap_or_else(|error| panic!("{published}: {error}"));
    assert!(again.ignored().is_empty(), "{published}");
    assert_eq!(again.to_json(), published);
}

/// Every accepted key is published with its original members, at its place.
fn assert_published(set: &KeySet, json: &[u8], published: &str) {
    /// The private members of RFC 7518, and the key of a MAC.
    const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    // `n` and `e` may lose leading zero bytes, which are an `A` in the text.
    let loses_zeros = |name: &str, text: &Value| {
        let zeros = text.as_str().is_some_and(|text| text.starts_with('A'));
        ["n", "e"].contains(&name) && zeros
    };

    let keys = |json: &[u8]| -> Option<Vec<Map<String, Value>>> {
        let document: Map<String, Value> = serde_json::from_slice(json).ok()?;
        serde_json::from_value(document.get("keys")?.clone()).ok()
    };
    // A plain parser refuses some values that this reader skips.
    let Some(sent) = keys(json) else { return };
    let Some(published) = keys(published.as_bytes()) else {
        panic!("{published} has no keys");
    };
    let is_ignored = |index: &usize| set.ignored().iter().any(|key| key.index == *index);
    let read = (0..sent.len()).filter(|index| !is_ignored(index));
    assert_eq!(read.clone().count(), published.len());
    for (sent, published) in read.map(|index| &sent[index]).zip(&published) {
        let kid = sent.get("kid").filter(|kid| !kid.is_null());
        assert_eq!(published.get("kid"), kid);
        for (name, value) in published {
            let came = sent.get(name).unwrap_or(&Value::Null);
            let is_ours = ["alg", "use"].contains(&name.as_str());
            assert!(
                is_ours || value == came || loses_zeros(name, came),
                "{name}"
            );
        }
        assert!(!PRIVATE.iter().any(|name| published.contains_key(*name)));
    }
}
