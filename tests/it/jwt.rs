//! Tokens of other implementations: recorded vectors, and tokens of another library.

use std::collections::BTreeMap;
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_auth_sync::clock::{Clock as _, SystemClock, UnixTime};
use tower_auth_sync::testing::ManualClock;
use tower_auth_sync::token::{
    Algorithm, JwtIssuer, KeySet, SigningKey, TokenType, TokenVerifier, VerifiedToken,
};

#[derive(Deserialize)]
struct Vector {
    name: String,
    jwks: Value,
    token: String,
    now: u64,
    issuer: String,
    audience: String,
    algorithms: Vec<String>,
    required_claims: Vec<String>,
    typ: Option<String>,
    clock_tolerance_s: u64,
    expect: String,
}

impl Vector {
    /// Checks the vector. Reasons to refuse differ only in the text.
    fn judge(&self) -> Result<VerifiedToken, String> {
        let text = |error: &dyn std::error::Error| error.to_string();
        let keys = KeySet::from_json(self.jwks.to_string()).map_err(|error| text(&error))?;
        let algorithms: Result<Vec<Algorithm>, _> =
            self.algorithms.iter().map(|name| name.parse()).collect();
        let token_type = match self.typ.as_deref() {
            None | Some("JWT") => TokenType::Jwt,
            Some("at+jwt") => TokenType::AccessToken,
            Some(other) => panic!("{}: typ {other}", self.name),
        };
        let verifier = TokenVerifier::builder(keys)
            .issuer(&*self.issuer)
            .audience(&*self.audience)
            .algorithms(algorithms.unwrap())
            .required_claims(self.required_claims.clone())
            .typ(token_type)
            .leeway(Duration::from_secs(self.clock_tolerance_s))
            .clock(ManualClock::at(UnixTime::from_secs(self.now)))
            .build()
            .map_err(|error| text(&error))?;
        verifier
            .verify_now(&self.token)
            .map_err(|error| text(&error))
    }
}

/// Vectors that `jose` accepts and this crate refuses on purpose.
const STRICTER: &[(&str, &str)] = &[
    (
        "claims/no-exp-not-required",
        "a token without exp never ends, so exp is always required",
    ),
    (
        "header/typ-at+jwt-unchecked",
        "the type is always checked, and the mode here is plain JWT",
    ),
];

#[test]
fn every_recorded_token_has_the_result_of_jose_except_named_ones() {
    let text = include_str!("../data/jwt-vectors.json");
    let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
    assert_eq!(vectors.len(), 264);
    let stricter: BTreeMap<_, _> = STRICTER.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut excepted = 0;
    for vector in &vectors {
        let verdict = vector.judge();
        if let Some(reason) = stricter.get(&*vector.name) {
            println!("stricter than jose: {}: {reason}", vector.name);
            assert_eq!(vector.expect, "accept", "{}", vector.name);
            assert!(verdict.is_err(), "{}", vector.name);
            excepted += 1;
        } else if verdict.is_ok() != (vector.expect == "accept") {
            wrong.push(format!("{}: {verdict:?}", vector.name));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(excepted, STRICTER.len());
}

/// The reason to refuse each group of vectors, so that none is refused by accident.
const REASONS: &[(&str, &str)] = &[
    ("EdDSA/tampered-payload", "the signature does not match"),
    ("ES256/zero-signature", "the signature does not match"),
    ("ES384/r-equals-n", "the signature does not match"),
    ("PS256/salt-20", "the signature does not match"),
    (
        "RS256/ps256-signature-rs256-header",
        "the signature does not match",
    ),
    (
        "RS256/modulus-1024",
        "none of the keys can verify a token: key 0",
    ),
    ("alg/none", "is missing or not supported"),
    ("alg/HS256", "is missing or not supported"),
    ("alg/oct-key-in-set", "is missing or not supported"),
    ("kid/traversal", "no key has the token's id and algorithm"),
    (
        "kid/duplicate-right-first",
        "different keys share the token's id",
    ),
    ("crit/", "the header's `crit` is not supported"),
    ("claims/exp-equals-now", "the token expired"),
    (
        "claims/iss-trailing-slash",
        "the token is not by the issuer",
    ),
    ("claims/aud-substring", "the token is not for the audience"),
    ("claims/iat-string", "the claim `iat` has the wrong type"),
    ("payload/duplicate", "malformed: the claims"),
    ("header/duplicate", "malformed: the header"),
    (
        "encoding/padding-in-signature-3",
        "malformed: the signature",
    ),
    ("size/", "longer than 16 KiB"),
];

#[test]
fn recorded_tokens_are_refused_for_the_right_reason() {
    let text = include_str!("../data/jwt-vectors.json");
    let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
    for vector in &vectors {
        let mut reasons = REASONS.iter();
        if let Some((_, reason)) = reasons.find(|(prefix, _)| vector.name.starts_with(prefix)) {
            let refused = vector.judge().unwrap_err();
            assert!(refused.contains(reason), "{}: {refused}", vector.name);
        }
    }
}

#[derive(Deserialize)]
struct Recorded {
    jwks: Value,
    token: String,
    now: u64,
    issuer: String,
    audience: String,
}

#[test]
fn tokens_of_a_real_better_auth_server_are_accepted_until_they_end() {
    let text = include_str!("../data/better-auth/jwt.json");
    let recorded: Vec<Recorded> = serde_json::from_str(text).unwrap();
    assert_eq!(recorded.len(), 2);
    for recorded in recorded {
        let clock = ManualClock::at(UnixTime::from_secs(recorded.now));
        let verifier =
            TokenVerifier::builder(KeySet::from_json(recorded.jwks.to_string()).unwrap())
                .issuer(recorded.issuer)
                .audience(recorded.audience)
                .clock(clock.clone())
                .build()
                .unwrap();
        let token = verifier.verify_now(&recorded.token).unwrap();
        let user: Value = token.claims().unwrap();
        assert_eq!(user["sub"], user["id"]);
        clock.advance(Duration::from_secs(15 * 60 + 60));
        assert!(verifier.verify_now(&recorded.token).is_err());
    }
}

const ISSUER: &str = "https://auth.example";
const AUDIENCE: &str = "https://app.example";

/// The algorithms of both crates, by their common name.
const SHARED: [Algorithm; 5] = [
    Algorithm::EdDsa,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Ps256,
    Algorithm::Rs256,
];

#[test]
fn another_library_accepts_our_tokens_by_our_published_keys() {
    for algorithm in SHARED {
        let key = SigningKey::generate(algorithm).unwrap();
        let builder = JwtIssuer::builder(ISSUER, AUDIENCE).key(key);
        let issuer = builder.build().unwrap();
        let token = issuer.issue(&json!({ "sub": "user_1" })).unwrap();

        let keys: JwkSet = serde_json::from_str(&issuer.keys().to_json()).unwrap();
        let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
        let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
        let mut rules = Validation::new(algorithm.as_str().parse().unwrap());
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let decoded = jsonwebtoken::decode::<Value>(&token, &key, &rules).unwrap();
        assert_eq!(decoded.claims["sub"], "user_1");
    }
}

#[test]
fn tokens_of_another_library_are_accepted() {
    for algorithm in SHARED {
        let key = SigningKey::generate(algorithm).unwrap();
        let der = key.to_pkcs8().unwrap();
        let theirs = match algorithm {
            Algorithm::EdDsa => EncodingKey::from_ed_der(&der),
            Algorithm::Es256 | Algorithm::Es384 => EncodingKey::from_ec_der(&der),
            // That library reads RSA keys in PKCS#1 form: the octets inside PKCS#8.
            _ => EncodingKey::from_rsa_der(&der[26..]),
        };
        let mut header = Header::new(algorithm.as_str().parse().unwrap());
        header.kid = Some(key.id().to_string());
        let exp = SystemClock.now().to_secs().as_secs() + 60;
        let claims = json!({ "iss": ISSUER, "aud": [AUDIENCE], "sub": "user_1", "exp": exp });
        let token = jsonwebtoken::encode(&header, &claims, &theirs).unwrap();

        let verifier = TokenVerifier::builder(KeySet::new([key.verifying_key().clone()]).unwrap())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .algorithms(SHARED)
            .build()
            .unwrap();
        assert_eq!(verifier.verify_now(&token).unwrap().subject(), "user_1");
    }
}
