//! Checking a token allocates memory for its claims, its subject, its signature, and jsonwebtoken's
//! verifier with a copy of the key. A text that is no token allocates nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::json;
use tower_auth_sync::token::{Algorithm, JwtIssuer, SigningKey, TokenVerifier};

const ISSUER: &str = "https://auth.example";
const AUDIENCE: &str = "https://app.example";

fn allocations(run: impl FnOnce()) -> u64 {
    allocation_counter::measure(run).count_total
}

fn pair(algorithm: Algorithm) -> (JwtIssuer, TokenVerifier) {
    let key = SigningKey::generate(algorithm).unwrap();
    let issuer = JwtIssuer::builder(ISSUER, AUDIENCE).key(key);
    let issuer = issuer.build().unwrap();
    let verifier = TokenVerifier::builder(issuer.keys().clone())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .algorithms(Algorithm::ALL.iter().copied())
        .build()
        .unwrap();
    (issuer, verifier)
}

#[test]
fn accepting_a_token_allocates_at_most_six_times() {
    for algorithm in Algorithm::ALL {
        let (issuer, verifier) = pair(*algorithm);
        let claims =
            json!({ "sub": "user_1", "name": "Zoë", "roles": ["a", "b"], "x": { "y": 1 } });
        let token = issuer.issue(&claims).unwrap();
        let count = allocations(|| {
            verifier.verify_now(&token).unwrap();
        });
        assert!(count <= 6, "{algorithm}: {count}");
    }
}

#[test]
fn refusing_a_text_full_of_dots_allocates_nothing() {
    let (_, verifier) = pair(Algorithm::EdDsa);
    for length in [1_000, 16 * 1024, 64 * 1024] {
        let text = ".".repeat(length);
        let count = allocations(|| {
            verifier.verify_now(&text).unwrap_err();
        });
        assert_eq!(count, 0, "{length}");
    }
}
