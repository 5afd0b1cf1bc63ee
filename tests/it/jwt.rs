//! Tokens as their senders and receivers see them: recorded vectors, and the layer in an application.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tower_auth_sync::clock::UnixTime;
use tower_auth_sync::jwks::{Algorithm, KeySet, TokenType, TokenVerifier, VerifiedToken};
use tower_auth_sync::testing::ManualClock;

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
    /// Judges the vector; every reason to refuse is told apart only in the text.
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

/// Vectors that `jose` accepts and that are refused here on purpose.
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
fn every_recorded_token_is_judged_as_by_jose_but_for_named_exceptions() {
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
