//! What each case shows. A case is a test binary, because the choice of a provider lasts as long as the
//! process.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode};
use serde_json::{Value, json};
use tower_auth_sync::token::{Algorithm, JwtIssuer, KeySet, SigningKey, TokenVerifier};

const ISSUER: &str = "https://auth.example";
const AUDIENCE: &str = "https://app.example";

/// The algorithms, by the names of both crates.
const ALGORITHMS: [(Algorithm, jsonwebtoken::Algorithm); 3] = [
    (Algorithm::EdDsa, jsonwebtoken::Algorithm::EdDSA),
    (Algorithm::Es256, jsonwebtoken::Algorithm::ES256),
    (Algorithm::Rs256, jsonwebtoken::Algorithm::RS256),
];

fn issuer(algorithm: Algorithm) -> JwtIssuer {
    let key = SigningKey::generate(algorithm).unwrap();
    let builder = JwtIssuer::builder(ISSUER, AUDIENCE).key(key);
    builder.build().unwrap()
}

/// Issues and verifies a token of each algorithm.
pub fn assert_our_tokens_work() {
    for (algorithm, _) in ALGORITHMS {
        let issuer = issuer(algorithm);
        let token = issuer.issue(&json!({ "sub": "user_1" })).unwrap();
        let published = KeySet::from_json(issuer.keys().to_json()).unwrap();
        let verifier = TokenVerifier::builder(published)
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .build()
            .unwrap();
        assert_eq!(verifier.verify_now(&token).unwrap().subject(), "user_1");
    }
}

/// Lets the application's own `decode`, with the provider that it installed, check our tokens.
pub fn assert_decode_accepts_our_tokens() {
    for (ours, theirs) in ALGORITHMS {
        let issuer = issuer(ours);
        let token = issuer.issue(&json!({ "sub": "user_1" })).unwrap();
        let keys: JwkSet = serde_json::from_str(&issuer.keys().to_json()).unwrap();
        let mut rules = Validation::new(theirs);
        rules.set_audience(&[AUDIENCE]);
        rules.set_issuer(&[ISSUER]);
        let key = DecodingKey::from_jwk(&keys.keys[0]).unwrap();
        let decoded = decode::<Value>(&token, &key, &rules).unwrap();
        assert_eq!(decoded.claims["sub"], "user_1");
    }
}
