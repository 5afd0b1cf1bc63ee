//! Issues and verifies tokens in a graph where jsonwebtoken has both of its backends and nobody
//! chose one.

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tower_auth_sync::token::{Algorithm, JwtIssuer, KeySet, SigningKey, TokenVerifier};

    const ISSUER: &str = "https://auth.example";
    const AUDIENCE: &str = "https://app.example";

    #[test]
    fn tokens_of_each_algorithm_are_issued_and_verified_though_no_backend_was_chosen() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
            let issuer = JwtIssuer::builder(ISSUER, AUDIENCE)
                .key(SigningKey::generate(algorithm).unwrap())
                .build()
                .unwrap();
            let token = issuer.issue(&json!({"sub": "usr_1"})).unwrap();
            let published = KeySet::from_json(issuer.keys().to_json()).unwrap();
            let verifier = TokenVerifier::builder(published)
                .issuer(ISSUER)
                .audience(AUDIENCE)
                .build()
                .unwrap();
            assert_eq!(verifier.verify_now(&token).unwrap().subject(), "usr_1");
        }
    }
}
