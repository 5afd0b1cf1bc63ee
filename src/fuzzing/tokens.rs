//! Properties of tokens and keys.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::json::Members;
use crate::base::clock::{Clock as _, UnixMillis};
use crate::testing::{ManualClock, SeededEntropy};
use crate::token::{JwtIssuer, SigningKey, TokenVerifier};

/// Reading of header and claims agrees with a plain JSON parser. Refused are only repeated names, more
/// than 128 names, header texts of a wrong type, and names that such a parser reserves. Accepted claims
/// decode as a `Value`.
pub fn token_parts(json: &str) {
    super::token::accepted_claims_decode(json);
    let header = super::token::header_agrees(json);
    let claims = super::token::claims_agree(json);
    if json.contains("serde_json::private") {
        return;
    }
    let Some(Members(members)) = Members::read(json.as_bytes()) else {
        return;
    };
    let mut names: Vec<&String> = members.iter().map(|(name, _)| name).collect();
    names.sort();
    let is_unique = names.windows(2).all(|pair| pair[0] != pair[1]);
    let is_plain = is_unique && names.len() <= 128;
    assert_eq!(claims, is_plain, "{json}");
    let is_text = |value: &str| serde_json::from_str::<String>(value).is_ok();
    let are_texts = members
        .iter()
        .filter(|(name, _)| ["alg", "kid", "typ"].contains(&name.as_str()))
        .all(|(_, value)| is_text(value.get()));
    assert_eq!(header, is_plain && are_texts, "{json}");
}

/// An accepted JWKS is bounded, publishes nothing private, and parses to the same set again.
pub fn jwks_document(json: &[u8]) {
    super::token::key_set(json);
}

/// An accepted PEM text contains whole DER, and parses to the same DER in every spelling.
pub fn pem(input: &[u8]) {
    super::token::pem(input);
}

/// A verifier accepts the signed token and no change of its text. The input is the position of the
/// change (two bytes), the number of removed bytes (one), and the inserted text.
pub fn token(input: &[u8]) {
    static TOKEN: LazyLock<(TokenVerifier, String)> = LazyLock::new(|| {
        let clock = ManualClock::at(UnixMillis::from_millis(1_760_000_000_000));
        signed(&clock).unwrap_or_else(|error| panic!("{error}"))
    });
    let [high, low, removed, put @ ..] = input else {
        return;
    };
    let Ok(put) = std::str::from_utf8(put) else {
        return;
    };
    let (verifier, genuine) = &*TOKEN;
    let at = usize::from(u16::from_be_bytes([*high, *low])) % (genuine.len() + 1);
    let (before, rest) = genuine.split_at(at);
    let after = rest.get(usize::from(*removed)..).unwrap_or_default();
    let changed = [before, put, after].concat();
    let verdict = verifier.verify_now(&changed);
    assert_eq!(verdict.is_ok(), changed == *genuine, "{changed}");
    assert!(
        verifier.verify_now(put).is_err() || put == *genuine,
        "{put}"
    );
}

type Failure = Box<dyn std::error::Error>;

/// Creates a reproducible token and its verifier.
fn signed(clock: &ManualClock) -> Result<(TokenVerifier, String), Failure> {
    const ISSUER: &str = "https://auth.example";
    const AUDIENCE: &str = "https://app.example";

    let key = SigningKey::from_pem(include_str!("../../tests/data/keys/ed25519.pem"))?;
    let issuer = JwtIssuer::builder(ISSUER, AUDIENCE)
        .key(key)
        .clock(clock.clone())
        .entropy(SeededEntropy::new(1))
        .build()?;
    let builder = TokenVerifier::builder(issuer.keys().clone()).issuer(ISSUER);
    let verifier = builder.audience(AUDIENCE).clock(clock.clone()).build()?;
    let claims: Value = json!({ "sub": "usr_1", "now": clock.now().as_millis() });
    Ok((verifier, issuer.issue(&claims)?))
}
