//! Tokens of other implementations: recorded vectors, and tokens of another library.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_auth_sync::clock::{Clock as _, SystemClock, UnixTime};
use tower_auth_sync::testing::ManualClock;
use tower_auth_sync::token::{
    Algorithm, JwtIssuer, KeyRejected, KeySet, KeySetError, SigningKey, SigningKeyError, TokenType,
    TokenVerifier, VerifiedToken, VerifyingKey,
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
#[expect(clippy::disallowed_methods, reason = "the other library's own path")]
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

fn encoding_key(key: &SigningKey) -> EncodingKey {
    let der = key.to_pkcs8().unwrap();
    match key.algorithm() {
        Algorithm::EdDsa | Algorithm::Ed25519 => EncodingKey::from_ed_der(&der),
        Algorithm::Es256 | Algorithm::Es384 => EncodingKey::from_ec_der(&der),
        // That library reads RSA keys in PKCS#1 form: the octets inside PKCS#8.
        _ => EncodingKey::from_rsa_der(&der[26..]),
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the other library's own path")]
fn tokens_of_another_library_are_accepted() {
    for algorithm in SHARED {
        let key = SigningKey::generate(algorithm).unwrap();
        let theirs = encoding_key(&key);
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

/// The same key in each form that the other library keeps it.
fn forms(algorithm: Algorithm) -> Vec<DecodingKey> {
    let read = |pem: &str| {
        pem.lines()
            .filter(|line| !line.starts_with('-'))
            .collect::<String>()
    };
    let der = |pem| STANDARD.decode(read(pem)).unwrap();
    match algorithm {
        Algorithm::EdDsa | Algorithm::Ed25519 => {
            let spki = der(include_str!("../data/keys/ed25519.pub.pem"));
            let bare = DecodingKey::from_ed_der(&spki[12..]);
            vec![bare, DecodingKey::from_ed_der(&spki)]
        }
        Algorithm::Es256 => {
            let spki = der(include_str!("../data/keys/p256.pub.pem"));
            let bare = DecodingKey::from_ec_der(&spki[26..]);
            vec![bare, DecodingKey::from_ec_der(&spki)]
        }
        Algorithm::Es384 => {
            let spki = der(include_str!("../data/keys/p384.pub.pem"));
            let bare = DecodingKey::from_ec_der(&spki[23..]);
            vec![bare, DecodingKey::from_ec_der(&spki)]
        }
        _ => {
            let spki = der(include_str!("../data/keys/rsa.pub.pem"));
            // The PKCS#1 key within: a header of 9 bytes, the modulus of 256, a header of 2, the exponent.
            let pkcs1 = &spki[24..];
            let n = &pkcs1[8..265];
            assert_eq!(n[0], 0, "the sign stands before the modulus");
            vec![
                DecodingKey::from_rsa_raw_components(n, &[1, 0, 1]),
                DecodingKey::from_rsa_der(pkcs1),
                DecodingKey::from_rsa_der(&spki),
            ]
        }
    }
}

fn signing_key(algorithm: Algorithm) -> SigningKey {
    let pem = match algorithm {
        Algorithm::EdDsa | Algorithm::Ed25519 => include_str!("../data/keys/ed25519.pem"),
        Algorithm::Es256 => include_str!("../data/keys/p256.pem"),
        Algorithm::Es384 => include_str!("../data/keys/p384.pem"),
        _ => include_str!("../data/keys/rsa.pem"),
    };
    let der = SigningKey::from_pem(pem).unwrap().to_pkcs8().unwrap();
    SigningKey::from_pkcs8(algorithm, &der).unwrap()
}

#[test]
fn keys_of_the_other_library_verify_in_each_form_under_each_algorithm() {
    for algorithm in Algorithm::ALL.iter().copied() {
        let key = signing_key(algorithm);
        let builder = JwtIssuer::builder(ISSUER, AUDIENCE).key(key.clone());
        let token = builder.build().unwrap().issue(&json!({ "sub": "user_1" }));
        let token = token.unwrap();
        for theirs in forms(algorithm) {
            let taken = VerifyingKey::from_decoding_key(theirs, algorithm).unwrap();
            assert_eq!(taken.thumbprint(), key.verifying_key().thumbprint());
            let set = KeySet::new([taken.with_id(key.id().clone())]).unwrap();
            let verifier = TokenVerifier::builder(set)
                .issuer(ISSUER)
                .audience(AUDIENCE)
                .algorithms([algorithm])
                .build()
                .unwrap();
            assert_eq!(verifier.verify_now(&token).unwrap().subject(), "user_1");
        }
    }
}

fn assert_refused(cases: impl IntoIterator<Item = (DecodingKey, Algorithm, KeyRejected)>) {
    for (key, algorithm, cause) in cases {
        let named = format!("{key:?} {algorithm}");
        let refused = VerifyingKey::from_decoding_key(key, algorithm).unwrap_err();
        assert_eq!(refused, cause, "{named}");
    }
}

#[test]
fn a_key_of_the_other_library_is_refused_under_another_family_than_its_own() {
    use KeyRejected::{Algorithm as Family, Symmetric, Type};

    let bare = |algorithm| forms(algorithm).remove(0);
    let p256 = bare(Algorithm::Es256);
    let spki = forms(Algorithm::EdDsa).remove(1);
    let spki = spki.try_get_as_bytes().unwrap();
    let secret = DecodingKey::from_secret;
    let forged = [&spki[..12], p256.try_get_as_bytes().unwrap()].concat();
    assert_refused([
        (secret(&[7; 32]), Algorithm::EdDsa, Symmetric),
        (secret(spki), Algorithm::EdDsa, Symmetric),
        (bare(Algorithm::EdDsa), Algorithm::Es256, Family),
        (p256, Algorithm::Rs256, Family),
        (bare(Algorithm::Es384), Algorithm::Es256, Type),
        (DecodingKey::from_ec_der(spki), Algorithm::Es256, Family),
        (DecodingKey::from_ec_der(&forged), Algorithm::Es256, Type),
    ]);
}

#[test]
fn weak_or_malformed_keys_of_the_other_library_are_refused() {
    use KeyRejected::{Exponent, Modulus, Point, Type};

    let (ec, ed) = (DecodingKey::from_ec_der, DecodingKey::from_ed_der);
    let rsa = DecodingKey::from_rsa_raw_components;
    let private = signing_key(Algorithm::Es256).to_pkcs8().unwrap();
    assert_refused([
        (ec(&[4; 65]), Algorithm::Es256, Point),
        (ec(b""), Algorithm::Es256, Type),
        (ec(&private), Algorithm::Es256, Type),
        (ed(&[0; 32]), Algorithm::EdDsa, Point),
        (ed(&[9; 31]), Algorithm::EdDsa, Type),
        (DecodingKey::from_rsa_der(b"none"), Algorithm::Rs256, Type),
        (rsa(&[0xff; 128], &[1, 0, 1]), Algorithm::Rs256, Modulus),
        (rsa(&[0xff; 256], &[1]), Algorithm::Ps256, Exponent),
        (rsa(&[], &[]), Algorithm::Ps256, Modulus),
    ]);
}

/// The key of `forms(Algorithm::Rs256)`, limited to PSS (RFC 4055 §1.2).
fn pss_key() -> Vec<u8> {
    let spki = forms(Algorithm::Rs256).remove(2);
    let spki = spki.try_get_as_bytes().unwrap();
    let header = b"\x30\x82\x01\x20\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
    [header, &spki[19..]].concat()
}

#[test]
fn an_rsa_key_for_pss_alone_is_not_taken() {
    let key = pss_key();
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        assert_refused([(
            DecodingKey::from_rsa_der(&key),
            algorithm,
            KeyRejected::Type,
        )]);
    }
    let refused = VerifyingKey::from_pem(STANDARD.encode(&key)).unwrap_err();
    assert_eq!(refused, KeyRejected::Type);
}

#[test]
fn bytes_after_a_key_are_not_taken() {
    let longer = |der: &[u8]| [der, &[0]].concat();
    for key in forms(Algorithm::Rs256).drain(1..) {
        let der = longer(key.try_get_as_bytes().unwrap());
        assert_refused([(
            DecodingKey::from_rsa_der(&der),
            Algorithm::Rs256,
            KeyRejected::Type,
        )]);
    }
    for algorithm in Algorithm::ALL.iter().copied() {
        let der = longer(&signing_key(algorithm).to_pkcs8().unwrap());
        let refused = SigningKey::from_pkcs8(algorithm, &der).unwrap_err();
        assert_eq!(refused, SigningKeyError::Unsupported(Some(algorithm)));
    }
}

#[test]
fn signing_keys_of_the_other_library_are_taken_or_refused_by_cause() {
    for algorithm in Algorithm::ALL.iter().copied() {
        let key = signing_key(algorithm);
        let theirs = encoding_key(&key);
        let taken = SigningKey::from_encoding_key(theirs, algorithm).unwrap();
        assert_eq!((taken.id(), taken.algorithm()), (key.id(), algorithm));
    }
    let ed25519 = signing_key(Algorithm::EdDsa).to_pkcs8().unwrap();
    for (key, algorithm, cause) in [
        (
            EncodingKey::from_secret(&ed25519),
            Algorithm::EdDsa,
            SigningKeyError::Rejected(KeyRejected::Symmetric),
        ),
        (
            EncodingKey::from_ed_der(&ed25519),
            Algorithm::Es256,
            SigningKeyError::Rejected(KeyRejected::Algorithm),
        ),
        (
            EncodingKey::from_ec_der(&ed25519),
            Algorithm::Es256,
            SigningKeyError::Unsupported(Some(Algorithm::Es256)),
        ),
        (
            EncodingKey::from_rsa_der(b""),
            Algorithm::Rs256,
            SigningKeyError::Unsupported(Some(Algorithm::Rs256)),
        ),
    ] {
        let refused = SigningKey::from_encoding_key(key, algorithm).unwrap_err();
        assert_eq!(refused, cause);
    }
}

#[test]
fn a_key_set_of_the_other_library_loses_only_its_bad_keys() {
    let bad = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "bad" });
    let secret = json!({ "kty": "oct", "k": "AAAA", "kid": "secret" });
    let good: Value = serde_json::from_str(
        &KeySet::new([signing_key(Algorithm::Es256).verifying_key().clone()])
            .unwrap()
            .to_json(),
    )
    .unwrap();
    let good = &good["keys"][0];
    let document = json!({ "keys": [bad, secret, good] }).to_string();
    let theirs: JwkSet = serde_json::from_str(&document).unwrap();
    let (taken, read) = (
        KeySet::try_from(theirs).unwrap(),
        KeySet::from_json(&document).unwrap(),
    );
    assert_eq!(taken.to_json(), read.to_json());
    assert_eq!(taken.ignored(), read.ignored());
    assert_eq!(taken.ignored().len(), 2);

    let empty = KeySet::try_from(JwkSet { keys: Vec::new() }).unwrap_err();
    assert!(matches!(empty, KeySetError::NoKeys { .. }));
}
