//! jsonwebtoken's pure Rust backend checks our tokens. The test has its own process, because the choice
//! of a backend lasts as long as the process.

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode};
use serde_json::{Value, json};
use tower_auth_sync::token::{Algorithm, JwtIssuer, SigningKey};

const ISSUER: &str = "https://auth.example";
const AUDIENCE: &str = "https://app.example";

#[test]
fn another_library_accepts_our_tokens_by_our_key_set() {
    DEFAULT_PROVIDER.install_default().unwrap();
    for (ours, theirs) in [
        (Algorithm::Es256, jsonwebtoken::Algorithm::ES256),
        (Algorithm::EdDsa, jsonwebtoken::Algorithm::EdDSA),
        (Algorithm::Rs256, jsonwebtoken::Algorithm::RS256),
    ] {
        let issuer = JwtIssuer::builder(ISSUER, AUDIENCE)
            .key(SigningKey::generate(ours).unwrap())
            .build()
            .unwrap();
        let token = issuer.issue(&json!({"sub": "usr_1"})).unwrap();
        let keys: JwkSet = serde_json::from_str(&issuer.keys().to_json()).unwrap();
        let mut validation = Validation::new(theirs);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        let key = DecodingKey::from_jwk(&keys.keys[0]).unwrap();
        let claims = decode::<Value>(&token, &key, &validation).unwrap().claims;
        assert_eq!(claims["sub"], "usr_1");
    }
}
