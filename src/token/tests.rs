//! Keys, issuer and verifier together.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::base::clock::{UnixMillis, UnixTime};
use crate::base::pem::{PemError, PemKind};
use crate::testing::{ManualClock, SeededEntropy};

const NOW: UnixTime = UnixTime::from_secs(1_760_000_000);
const ISSUER: &str = "https://auth.example";
const AUDIENCE: &str = "https://app.example";

const RFC_8037_ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519",
    "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const RFC_7515_P256: &str = r#"{"kty":"EC","crv":"P-256",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
const RFC_7638_RSA_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7\
    aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65\
    YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vM\
    QFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

fn clock() -> ManualClock {
    ManualClock::at(NOW)
}

fn issuer_of(key: SigningKey) -> JwtIssuer {
    JwtIssuer::builder(ISSUER, AUDIENCE)
        .key(key)
        .clock(clock())
        .entropy(SeededEntropy::new(1))
        .build()
        .unwrap()
}

fn issuer() -> JwtIssuer {
    issuer_of(SigningKey::from_jwk(RFC_8037_ED25519).unwrap())
}

fn verifier(keys: &KeySet) -> TokenVerifierBuilder {
    TokenVerifier::builder(keys.clone())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .algorithms(Algorithm::ALL.iter().copied())
        .clock(clock())
}

/// Signs any header and claims, valid or not, with the issuer's key.
fn sign(header: &Value, claims: &str) -> String {
    let key = SigningKey::from_jwk(RFC_8037_ED25519).unwrap();
    let header = base64url::encode(header.to_string().as_bytes());
    let signed = format!("{header}.{}", base64url::encode(claims.as_bytes()));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64url::encode(&signature))
}

fn claims_with(name: &str, value: Value) -> String {
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "user_1",
        "exp": NOW.as_secs() + 60, "iat": NOW.as_secs(),
    });
    claims[name] = value;
    claims.to_string()
}

fn verify(token: &str) -> Result<VerifiedToken, TokenError> {
    verifier(issuer().keys()).build().unwrap().verify_now(token)
}

#[test]
fn a_token_of_every_algorithm_is_accepted_by_its_own_key_and_no_other() {
    let keys = Algorithm::ALL.iter().map(|algorithm| {
        let issuer = issuer_of(SigningKey::generate(*algorithm).unwrap());
        let token = issuer.issue(&json!({ "sub": "user_1" })).unwrap();
        (issuer.keys().clone(), token)
    });
    let all: Vec<_> = keys.collect();
    for (index, (keys, _)) in all.iter().enumerate() {
        let verifier = verifier(keys).build().unwrap();
        for (other, (_, token)) in all.iter().enumerate() {
            let verdict = verifier.verify_now(token);
            assert_eq!(
                verdict.is_ok(),
                index == other,
                "{index} {other} {verdict:?}"
            );
        }
    }
}

#[test]
fn a_generated_key_survives_being_written_and_loaded() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(*algorithm).unwrap();
        let again = SigningKey::from_pkcs8(*algorithm, &key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.id(), key.id());
        let by_pem = SigningKey::from_pem(&*key.to_pem().unwrap()).unwrap();
        assert_eq!(by_pem.id(), key.id());
        let token = issuer_of(again).issue(&json!({ "sub": "u" })).unwrap();
        let keys = KeySet::new([key.verifying_key().clone()]).unwrap();
        assert!(verifier(&keys).build().unwrap().verify_now(&token).is_ok());
    }
}

#[test]
fn thumbprints_are_those_of_the_specifications() {
    let ed25519 = SigningKey::from_jwk(RFC_8037_ED25519).unwrap();
    let expected = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    assert_eq!(ed25519.id().as_str(), expected);
    let rsa = json!({ "kty": "RSA", "n": RFC_7638_RSA_N, "e": "AQAB", "alg": "RS256" });
    let rsa = VerifyingKey::from_jwk(&rsa.to_string()).unwrap();
    assert_eq!(
        rsa.thumbprint(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

#[test]
fn private_jwks_are_loaded_with_their_id_and_algorithm() {
    let p256 = SigningKey::from_jwk(RFC_7515_P256).unwrap();
    assert_eq!(p256.algorithm(), Algorithm::Es256);
    let rsa = SigningKey::from_jwk(include_str!("../../tests/data/keys/rsa.jwk.json")).unwrap();
    assert_eq!(
        (rsa.id().as_str(), rsa.algorithm()),
        ("test-rsa", Algorithm::Ps256)
    );
    let token = issuer_of(rsa.clone())
        .issue(&json!({ "sub": "u" }))
        .unwrap();
    let keys = KeySet::new([rsa.verifying_key().clone()]).unwrap();
    assert!(verifier(&keys).build().unwrap().verify_now(&token).is_ok());
}

#[test]
fn private_jwks_that_contradict_themselves_are_refused() {
    let key: Value = serde_json::from_str(RFC_7515_P256).unwrap();
    let x = key["x"].clone();
    for (name, value) in [
        ("y", x),
        ("d", json!("AAAA")),
        ("d", Value::Null),
        ("d", json!("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI=")),
        ("crv", json!("P-384")),
        ("crv", json!("secp256k1")),
        ("kty", json!("RSA")),
        ("kty", json!("oct")),
        ("alg", json!("ES384")),
        ("alg", json!("HS256")),
        ("use", json!("enc")),
        ("key_ops", json!(["verify"])),
        ("kid", json!("")),
    ] {
        let mut wrong = key.clone();
        wrong[name] = value;
        let refused = SigningKey::from_jwk(&wrong.to_string());
        assert!(refused.is_err(), "{name}: {refused:?}");
    }
}

#[test]
fn a_private_jwk_with_a_coordinate_of_another_width_is_refused() {
    let key: Value = serde_json::from_str(RFC_7515_P256).unwrap();
    let read = |name: &str| base64url::decode(key[name].as_str().unwrap()).unwrap();
    let point = [read("x"), read("y")].concat();
    for width in [0, 31, 64] {
        let mut wrong = key.clone();
        wrong["x"] = json!(base64url::encode(&point[..width]));
        wrong["y"] = json!(base64url::encode(&point[width..]));
        let refused = SigningKey::from_jwk(&wrong.to_string()).unwrap_err();
        assert_eq!(refused, KeyRejected::Point.into(), "{width}");
    }
}

#[test]
fn a_key_that_names_no_algorithm_is_published_without_one() {
    let private = SigningKey::from_pem(include_str!("../../tests/data/keys/rsa.pem")).unwrap();
    let key = SigningKey::from_pkcs8(Algorithm::Ps256, &private.to_pkcs8().unwrap()).unwrap();
    let pem = include_str!("../../tests/data/keys/rsa.pub.pem");
    let public = VerifyingKey::from_pem(pem)
        .unwrap()
        .with_id(key.id().clone());
    let keys = KeySet::new([public]).unwrap();
    let published = KeySet::from_json(keys.to_json()).unwrap();
    let token = issuer_of(key).issue(&json!({ "sub": "u" })).unwrap();
    for keys in [keys, published] {
        let verifier = verifier(&keys).algorithms([Algorithm::Ps256]);
        verifier.build().unwrap().verify_now(&token).unwrap();
    }
}

#[test]
fn pem_files_of_openssl_are_loaded_by_their_type() {
    for (pem, algorithm) in [
        (
            include_str!("../../tests/data/keys/p256.pem"),
            Algorithm::Es256,
        ),
        (
            include_str!("../../tests/data/keys/p256-sec1.pem"),
            Algorithm::Es256,
        ),
        (
            include_str!("../../tests/data/keys/p384.pem"),
            Algorithm::Es384,
        ),
        (
            include_str!("../../tests/data/keys/ed25519.pem"),
            Algorithm::EdDsa,
        ),
        (
            include_str!("../../tests/data/keys/rsa.pem"),
            Algorithm::Rs256,
        ),
        (
            include_str!("../../tests/data/keys/rsa-pkcs1.pem"),
            Algorithm::Rs256,
        ),
    ] {
        assert_eq!(SigningKey::from_pem(pem).unwrap().algorithm(), algorithm);
    }
}

#[test]
fn public_pem_files_of_openssl_are_loaded_by_their_type() {
    for (private, public) in [
        (
            include_str!("../../tests/data/keys/p256.pem"),
            include_str!("../../tests/data/keys/p256.pub.pem"),
        ),
        (
            include_str!("../../tests/data/keys/p384.pem"),
            include_str!("../../tests/data/keys/p384.pub.pem"),
        ),
        (
            include_str!("../../tests/data/keys/ed25519.pem"),
            include_str!("../../tests/data/keys/ed25519.pub.pem"),
        ),
        (
            include_str!("../../tests/data/keys/rsa.pem"),
            include_str!("../../tests/data/keys/rsa.pub.pem"),
        ),
    ] {
        let private = SigningKey::from_pem(private).unwrap();
        let public = VerifyingKey::from_pem(public).unwrap();
        assert_eq!(public.algorithm(), private.algorithm());
        assert_eq!(public.thumbprint(), private.id().as_str());
        assert_eq!(public.id(), None);
    }
}

#[test]
fn a_public_pem_text_without_a_usable_key_is_refused_by_cause() {
    let private = PemError::Kind {
        found: PemKind::PrivateKey,
        wanted: PemKind::PublicKey,
    };
    for (pem, expected) in [
        ("", PemError::Missing.into()),
        (
            include_str!("../../tests/data/keys/p256.pem"),
            private.into(),
        ),
        (
            include_str!("../../tests/data/keys/secp256k1.pub.pem"),
            KeyRejected::Type,
        ),
        (
            include_str!("../../tests/data/keys/p256-compressed.pub.pem"),
            KeyRejected::Type,
        ),
        (
            include_str!("../../tests/data/keys/rsa-1024.pub.pem"),
            KeyRejected::Modulus,
        ),
    ] {
        assert_eq!(VerifyingKey::from_pem(pem).unwrap_err(), expected);
    }
}

#[test]
fn a_pem_text_without_a_usable_key_is_refused_by_cause() {
    let kind = |found| {
        let wanted = PemKind::PrivateKey;
        SigningKeyError::from(PemError::Kind { found, wanted })
    };
    let unsupported = SigningKeyError::Unsupported(None);
    for (pem, expected) in [
        ("", PemError::Missing.into()),
        ("nonsense", PemError::Missing.into()),
        (
            include_str!("../../tests/data/keys/p256.pub.pem"),
            kind(PemKind::PublicKey),
        ),
        (
            include_str!("../../tests/data/keys/encrypted.pem"),
            kind(PemKind::EncryptedKey),
        ),
        (
            include_str!("../../tests/data/keys/rsa-1024.pem"),
            unsupported.clone(),
        ),
        (
            include_str!("../../tests/data/keys/secp256k1.pem"),
            unsupported,
        ),
    ] {
        assert_eq!(SigningKey::from_pem(pem).unwrap_err(), expected);
    }
}

/// Asserts that a set keeps a good key and leaves each of `cases` out for its reason.
fn assert_ignored(cases: &[(Value, KeyRejected)]) {
    let mut keys: Vec<Value> = cases.iter().map(|(key, _)| key.clone()).collect();
    keys.push(p256_with("kid", json!("good")));
    let set = KeySet::from_json(json!({ "keys": keys, "x": 1 }).to_string()).unwrap();
    for (index, (key, reason)) in cases.iter().enumerate() {
        let id = key["kid"].as_str().and_then(|kid| kid.parse().ok());
        let expected = IgnoredKey {
            index,
            id,
            reason: *reason,
        };
        assert_eq!(set.ignored()[index], expected, "{key}");
    }
    assert_eq!(set.ignored().len(), cases.len());
    assert_eq!(set.keys().len(), 1);
}

fn p256_with(name: &str, value: Value) -> Value {
    let mut key: Value = serde_json::from_str(RFC_7515_P256).unwrap();
    key.as_object_mut().unwrap().remove("d");
    key[name] = value;
    key
}

#[test]
fn keys_for_another_purpose_are_left_out_by_reason() {
    assert_ignored(&[
        (json!(1), KeyRejected::Json),
        (json!({ "crv": "P-256" }), KeyRejected::Json),
        (p256_with("kty", json!(1)), KeyRejected::Json),
        (p256_with("d", json!("AAAA")), KeyRejected::Private),
        (p256_with("p", json!("")), KeyRejected::Private),
        (p256_with("k", json!("AAAA")), KeyRejected::Symmetric),
        (json!({ "kty": "oct", "k": "AAAA" }), KeyRejected::Symmetric),
        (json!({ "kty": "oct" }), KeyRejected::Symmetric),
        (p256_with("crv", json!("secp256k1")), KeyRejected::Type),
        (p256_with("kty", json!("AKP")), KeyRejected::Type),
        (p256_with("alg", json!("HS256")), KeyRejected::Algorithm),
        (p256_with("alg", json!("ES384")), KeyRejected::Algorithm),
        (p256_with("alg", json!("RS256")), KeyRejected::Algorithm),
        (p256_with("use", json!("enc")), KeyRejected::Use),
        (p256_with("key_ops", json!(["sign"])), KeyRejected::KeyOps),
        (p256_with("key_ops", json!([])), KeyRejected::KeyOps),
        (p256_with("kid", json!("")), KeyRejected::KeyId),
    ]);
}

#[test]
fn points_that_are_no_public_key_are_left_out() {
    let okp = |x: [u8; 32]| json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&x) });
    let x = p256_with("kid", json!("a"))["x"].clone();
    let mut one = [0; 32];
    one[0] = 1;
    one[31] = 0x80;
    assert_ignored(&[
        (p256_with("x", Value::Null), KeyRejected::Member("x")),
        (p256_with("x", json!("f83O J3D2")), KeyRejected::Member("x")),
        (p256_with("x", json!("AAAA")), KeyRejected::Point),
        (
            p256_with("x", json!(base64url::encode(&[0; 32]))),
            KeyRejected::Point,
        ),
        (p256_with("y", x), KeyRejected::Point),
        (okp([0; 32]), KeyRejected::Point),
        (okp(one), KeyRejected::Point),
        (
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" }),
            KeyRejected::Point,
        ),
    ]);
}

#[test]
fn weak_rsa_keys_are_left_out() {
    let rsa = |n: &str, e: &str| json!({ "kty": "RSA", "n": n, "e": e });
    let modulus = |bytes: usize| base64url::encode(&vec![0xff; bytes]);
    let even = base64url::encode(&[vec![0xff; 255], vec![0xfe]].concat());
    let padded = base64url::encode(&[vec![0; 8], vec![0xff; 255]].concat());
    assert_ignored(&[
        (rsa(&modulus(255), "AQAB"), KeyRejected::Modulus),
        (rsa(&modulus(1025), "AQAB"), KeyRejected::Modulus),
        (rsa(&even, "AQAB"), KeyRejected::Modulus),
        (rsa(&padded, "AQAB"), KeyRejected::Modulus),
        (rsa("", "AQAB"), KeyRejected::Modulus),
        (rsa(RFC_7638_RSA_N, "AQ"), KeyRejected::Exponent),
        (rsa(RFC_7638_RSA_N, "Ag"), KeyRejected::Exponent),
        (rsa(RFC_7638_RSA_N, "AQAA"), KeyRejected::Exponent),
        (rsa(RFC_7638_RSA_N, "BAAAAAE"), KeyRejected::Exponent),
        (rsa(RFC_7638_RSA_N, ""), KeyRejected::Exponent),
    ]);
}

#[test]
fn zero_bytes_before_an_rsa_number_are_removed() {
    let n = base64url::decode(RFC_7638_RSA_N).unwrap();
    let padded = base64url::encode(&[vec![0], n].concat());
    let key = json!({ "kty": "RSA", "n": padded, "e": "AAEAAQ", "alg": "RS256" });
    let key = VerifyingKey::from_jwk(&key.to_string()).unwrap();
    assert_eq!(
        key.thumbprint(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

#[test]
fn another_issuer_is_refused_however_alike() {
    for issuer in [
        "https://auth.example/",
        "https://auth.exampl",
        "HTTPS://auth.example",
        "",
    ] {
        let token = sign(
            &json!({ "alg": "EdDSA" }),
            &claims_with("iss", json!(issuer)),
        );
        let verdict = verify(&token);
        assert!(
            matches!(verdict, Err(TokenError::Issuer { .. })),
            "{issuer:?}"
        );
    }
}

#[test]
fn a_document_that_is_no_usable_set_is_refused() {
    let key: Value = serde_json::from_str(&issuer().keys().to_json()).unwrap();
    let key = &key["keys"][0];
    let many = json!({ "keys": vec![key; MAX_KEYS + 1] }).to_string();
    let long = " ".repeat(MAX_SET_LEN) + "{\"keys\":[]}";
    for (json, expected) in [
        ("", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("<html>", "not a JSON object"),
        ("{}", "not a JSON object"),
        (r#"{"keys":{}}"#, "not a JSON object"),
        (r#"{"keys":[],"keys":[]}"#, "not a JSON object"),
        (r#"{"keys":[]}"#, "none of the keys"),
        (r#"{"keys":[{}]}"#, "token: key 0: the key is not a JSON"),
        (r#"{\"keys\":[]}"#, "damaged: it is escaped"),
        (r#""{}""#, "damaged: it is in quotes"),
        ("\u{feff}{}", "damaged: a byte order mark"),
        ("eyJrZXlzIjpbXX0=", "damaged: it is base64"),
        (&many, "there are 65 keys"),
        (&long, "bytes"),
    ] {
        let error = KeySet::from_json(json).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(KeySet::from_json(b"{\"keys\":[\"\xff\"]}").is_err());
}

#[test]
fn two_keys_with_one_id_and_algorithm_are_refused() {
    let first = SigningKey::from_jwk(RFC_8037_ED25519).unwrap();
    let second = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let second = second.with_id(first.id().clone());
    let other_type = SigningKey::from_jwk(RFC_7515_P256).unwrap();
    let other_type = other_type.with_id(first.id().clone());
    let token = issuer().issue(&json!({ "sub": "u" })).unwrap();
    let set = |keys: [&SigningKey; 2]| KeySet::new(keys.map(|key| key.verifying_key().clone()));
    let ambiguous = set([&first, &second]).unwrap();
    let verdict = verifier(&ambiguous).build().unwrap().verify_now(&token);
    assert!(matches!(
        verdict,
        Err(TokenError::Key(LookupError::SharedId))
    ));
    let typed = set([&other_type, &first]).unwrap();
    assert!(verifier(&typed).build().unwrap().verify_now(&token).is_ok());
}

#[test]
fn a_published_set_holds_no_private_member() {
    let keys = Algorithm::ALL.iter().map(|algorithm| {
        let key = SigningKey::generate(*algorithm).unwrap();
        key.verifying_key().clone()
    });
    let json = KeySet::new(keys).unwrap().to_json();
    let document: Value = serde_json::from_str(&json).unwrap();
    for key in document["keys"].as_array().unwrap() {
        for name in key.as_object().unwrap().keys() {
            let public = ["kty", "kid", "alg", "use", "crv", "x", "y", "n", "e"];
            assert!(public.contains(&name.as_str()), "{name}");
        }
        assert_eq!(key["use"], "sig");
    }
    assert_eq!(KeySet::from_json(&json).unwrap().ignored(), []);
    assert_eq!(KeySet::from_json(&json).unwrap().to_json(), json);
}

#[test]
fn debug_prints_no_key_material() {
    let key = SigningKey::from_jwk(RFC_8037_ED25519).unwrap();
    let printed = format!("{key:?} {:?}", issuer());
    assert!(!printed.contains("nWGxne"), "{printed}");
    assert!(!printed.to_lowercase().contains("9d61b19d"), "{printed}");
}

#[test]
fn the_issuer_sets_its_claims_and_takes_none_from_the_caller() {
    let issuer = issuer();
    let token = issuer
        .issue(&json!({ "sub": "u", "role": "admin" }))
        .unwrap();
    let verified = verify(&token).unwrap();
    let claims: Value = verified.claims().unwrap();
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["aud"], AUDIENCE);
    assert_eq!(claims["iat"], NOW.as_secs());
    assert_eq!(claims["exp"], NOW.as_secs() + 900);
    assert_eq!(claims["role"], "admin");
    assert_eq!(claims["jti"].as_str().unwrap().len(), 22);
    for name in ["iss", "aud", "iat", "exp", "jti"] {
        let error = issuer.issue(&json!({ "sub": "u", name: 1 })).unwrap_err();
        assert!(matches!(error, IssueError::Reserved(reserved) if reserved == name));
    }
}

#[test]
fn no_token_is_issued_without_a_subject_or_above_the_limit() {
    let issuer = issuer();
    for claims in [json!({}), json!({ "sub": "" }), json!({ "sub": 1 })] {
        let refused = issuer.issue(&claims);
        assert!(matches!(refused, Err(IssueError::Subject)), "{claims}");
    }
    assert!(matches!(issuer.issue(&"u"), Err(IssueError::NotAnObject)));
    let long = json!({ "sub": "u", "x": "x".repeat(16 * 1024) });
    assert!(matches!(issuer.issue(&long), Err(IssueError::TooLong(_))));
}

#[test]
fn retired_keys_stay_published_and_verify() {
    let old = SigningKey::generate(Algorithm::Es256).unwrap();
    let token = issuer_of(old.clone())
        .issue(&json!({ "sub": "u" }))
        .unwrap();
    let new = SigningKey::from_jwk(RFC_8037_ED25519).unwrap();
    let builder = JwtIssuer::builder(ISSUER, AUDIENCE).clock(clock());
    let issuer = builder.key(new.clone()).key(old).build().unwrap();
    let verifier = verifier(issuer.keys()).build().unwrap();
    assert!(verifier.verify_now(&token).is_ok());
    let token = issuer.issue(&json!({ "sub": "u" })).unwrap();
    assert_eq!(
        verifier.verify_now(&token).unwrap().key_id(),
        Some(new.id())
    );
}

#[test]
fn an_issuer_that_cannot_work_is_not_built() {
    let key = || SigningKey::from_jwk(RFC_8037_ED25519).unwrap();
    let with = |issuer: &str, audience: &str| JwtIssuer::builder(issuer, audience);
    let second = |seconds| Duration::from_secs(seconds);
    for (builder, expected) in [
        (with("", "a"), "the issuer is empty"),
        (with("auth", "a"), "the issuer \"auth\" is not"),
        (with("ftp://auth", "a"), "the issuer \"ftp://auth\" is not"),
        (
            with("https://auth?a=1", "a"),
            "the issuer \"https://auth?a=1\" is not",
        ),
        (
            with("https://auth#a", "a"),
            "the issuer \"https://auth#a\" is not",
        ),
        (
            with("https://a b", "a"),
            "the issuer \"https://a b\" is not",
        ),
        (with("https://", "a"), "the issuer \"https://\" is not"),
        (with(ISSUER, ""), "the audience is empty"),
        (with(ISSUER, "a"), "no signing key"),
        (
            with(ISSUER, "a").key(key()).key(key()),
            "two signing keys have the id",
        ),
        (
            with(ISSUER, "a").key(key()).dangerous_ephemeral_key(),
            "exclude each other",
        ),
        (
            with(ISSUER, "a").token_lifetime(second(0)),
            "the token lifetime is 0ns",
        ),
        (
            with(ISSUER, "a").token_lifetime(second(86_401)),
            "the token lifetime is 86401s",
        ),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(
            error.starts_with(expected) || error.ends_with(expected),
            "{error}"
        );
    }
}

#[test]
fn a_verifier_that_would_accept_too_much_is_not_built() {
    let keys = issuer().keys().clone();
    let start = || TokenVerifier::builder(keys.clone());
    let full = || start().issuer(ISSUER).audience(AUDIENCE);
    for (builder, expected) in [
        (start().audience(AUDIENCE), "no issuer: call `issuer`"),
        (start().issuer(ISSUER), "no audience: call `audience`"),
        (full().issuer(""), "the issuer is empty"),
        (full().audience(""), "the audience is empty"),
        (full().algorithms([]), "no algorithm is allowed"),
        (
            full().leeway(Duration::from_millis(300_001)),
            "the leeway is 300.001s",
        ),
        (full().leeway(Duration::MAX), "the leeway is"),
        (
            full().required_claims((0..65).map(|n| n.to_string())),
            "65 claims are required",
        ),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn times_have_the_leeway_and_no_more() {
    let now = NOW.as_secs();
    for leeway in [0, 60, 300] {
        let builder = verifier(issuer().keys()).leeway(Duration::from_secs(leeway));
        let verifier = builder.build().unwrap();
        for (name, value, accepted) in [
            ("exp", now - leeway - 1, false),
            ("exp", now - leeway, false),
            ("exp", now - leeway + 1, true),
            ("nbf", now + leeway, true),
            ("nbf", now + leeway + 1, false),
            ("iat", now + leeway, true),
            ("iat", now + leeway + 1, false),
        ] {
            let token = sign(&json!({ "alg": "EdDSA" }), &claims_with(name, json!(value)));
            let verdict = verifier.verify_now(&token);
            assert_eq!(
                verdict.is_ok(),
                accepted,
                "{name} {value} {leeway} {verdict:?}"
            );
        }
    }
}

#[test]
fn the_default_leeway_is_a_minute() {
    let token = |age| {
        let claims = claims_with("exp", json!(NOW.as_secs() - age));
        sign(&json!({ "alg": "EdDSA" }), &claims)
    };
    assert!(verify(&token(59)).is_ok());
    assert!(matches!(verify(&token(60)), Err(TokenError::Expired)));
}

#[test]
fn a_clock_that_was_never_set_accepts_and_issues_nothing() {
    let never_set = ManualClock::at(UnixMillis::EPOCH);
    let token = issuer().issue(&json!({ "sub": "u" })).unwrap();
    let builder = verifier(issuer().keys()).clock(never_set.clone());
    let verdict = builder.build().unwrap().verify_now(&token);
    assert!(matches!(verdict, Err(TokenError::ClockNotSet)));
    let builder = JwtIssuer::builder(ISSUER, AUDIENCE).clock(never_set);
    let issuer = builder.dangerous_ephemeral_key().build().unwrap();
    let refused = issuer.issue(&json!({ "sub": "u" }));
    assert!(matches!(refused, Err(IssueError::ClockNotSet)));
}

#[test]
fn claims_of_the_wrong_type_are_refused_by_name() {
    for (name, value) in [
        ("sub", json!("")),
        ("sub", json!(1)),
        ("sub", json!(["u"])),
        ("sub", Value::Null),
        ("iss", json!([ISSUER])),
        ("aud", json!([])),
        ("aud", json!([AUDIENCE, 1])),
        ("exp", json!("1760000060")),
        ("nbf", json!("0")),
        ("iat", Value::Null),
    ] {
        let token = sign(
            &json!({ "alg": "EdDSA" }),
            &claims_with(name, value.clone()),
        );
        let verdict = verify(&token);
        let by_name = matches!(&verdict, Err(TokenError::ClaimType(claim)) if *claim == name);
        assert!(by_name, "{name} {value} {verdict:?}");
    }
}

#[test]
fn every_registered_claim_that_is_checked_is_required() {
    for name in ["iss", "aud", "sub", "exp"] {
        let mut claims: Value = serde_json::from_str(&claims_with("x", json!(1))).unwrap();
        claims.as_object_mut().unwrap().remove(name);
        let verdict = verify(&sign(&json!({ "alg": "EdDSA" }), &claims.to_string()));
        let by_name = matches!(&verdict, Err(TokenError::ClaimMissing(claim)) if **claim == *name);
        assert!(by_name, "{name} {verdict:?}");
    }
}

#[test]
fn further_required_claims_must_be_present() {
    let builder = verifier(issuer().keys()).required_claims(["client_id", "jti"]);
    let verifier = builder.build().unwrap();
    for (claims, accepted) in [
        (json!({ "sub": "u" }), false),
        (json!({ "sub": "u", "client_id": null }), false),
        (json!({ "sub": "u", "client_id": "c" }), true),
    ] {
        let token = issuer().issue(&claims).unwrap();
        assert_eq!(verifier.verify_now(&token).is_ok(), accepted, "{claims}");
    }
}

#[test]
fn a_claim_that_is_required_twice_counts_once() {
    let token = sign(&json!({ "alg": "EdDSA" }), &claims_with("role", json!("a")));
    for names in [vec!["role"; 2], vec!["role"; 65]] {
        let builder = verifier(issuer().keys()).required_claims(names);
        builder.build().unwrap().verify_now(&token).unwrap();
    }
}

#[test]
fn tokens_of_another_type_are_refused_in_both_modes() {
    let claims = claims_with("x", json!(1));
    for (typ, plain, access) in [
        (Some("JWT"), true, false),
        (Some("jwt"), true, false),
        (None, true, false),
        (Some("at+jwt"), false, true),
        (Some("application/AT+jwt"), false, true),
        (Some("logout+jwt"), false, false),
        (Some("dpop+jwt"), false, false),
        (Some("secevent+jwt"), false, false),
        (Some(""), false, false),
    ] {
        let mut header = json!({ "alg": "EdDSA" });
        if let Some(typ) = typ {
            header["typ"] = json!(typ);
        }
        let token = sign(&header, &claims);
        let keys = issuer().keys().clone();
        let judge = |mode| {
            verifier(&keys)
                .typ(mode)
                .build()
                .unwrap()
                .verify_now(&token)
        };
        assert_eq!(judge(TokenType::Jwt).is_ok(), plain, "{typ:?}");
        assert_eq!(judge(TokenType::AccessToken).is_ok(), access, "{typ:?}");
    }
}

#[test]
fn headers_that_change_how_a_token_is_read_are_refused() {
    let claims = claims_with("x", json!(1));
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
    ] {
        let verdict = verify(&sign(&json!({ "alg": "EdDSA", name: value }), &claims));
        assert!(
            matches!(verdict, Err(TokenError::Extension(_))),
            "{verdict:?}"
        );
    }
}

#[test]
fn a_key_id_is_compared_and_nothing_else() {
    let claims = claims_with("x", json!(1));
    for kid in [
        "../../etc/passwd",
        "' OR 1=1",
        "\0",
        "",
        &"k".repeat(8 * 1024),
    ] {
        let verdict = verify(&sign(&json!({ "alg": "EdDSA", "kid": kid }), &claims));
        let missed = matches!(verdict, Err(TokenError::Key(LookupError::Unknown)));
        assert!(missed, "{verdict:?}");
    }
}

#[test]
fn a_long_header_is_read_too() {
    let header =
        json!({ "alg": "EdDSA", "x5c": ["A".repeat(4096)], "jku": "https://evil.example" });
    assert!(verify(&sign(&header, &claims_with("x", json!(1)))).is_ok());
}

#[test]
fn a_key_of_another_algorithm_from_the_source_is_refused() {
    #[derive(Debug)]
    struct Wrong(VerifyingKey);

    impl KeySource for Wrong {
        fn lookup(&self, _query: &KeyQuery<'_>) -> Lookup {
            Lookup::Found(self.0.clone())
        }
    }

    let key = SigningKey::from_jwk(RFC_7515_P256).unwrap();
    let builder = TokenVerifier::builder(Wrong(key.verifying_key().clone()));
    let builder = builder.issuer(ISSUER).audience(AUDIENCE).clock(clock());
    let token = issuer().issue(&json!({ "sub": "u" })).unwrap();
    let verdict = builder.build().unwrap().verify_now(&token);
    assert!(matches!(verdict, Err(TokenError::KeyAlgorithm { .. })));
}

#[test]
fn a_stranger_learns_no_more_than_the_times() {
    let verdict = verify(&sign(
        &json!({ "alg": "EdDSA" }),
        &claims_with("iss", json!("x")),
    ));
    let error = verdict.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the token is not by the issuer \"{ISSUER}\"")
    );
    assert_eq!(error.description(), "the token is not acceptable here");
}

const VALUES: &[&str] = &[
    "1",
    "-1.5",
    "1e400",
    "\"a\"",
    "\"\\u00e9\"",
    "\"\\ud800\"",
    "null",
    "true",
    "[]",
    "{\"exp\":1}",
    "-0",
    "-1e309",
    "123456789012345678901234567890",
    "[{\"a\":\"\\udc00\"}]",
    "{\"a\":1,\"a\":2}",
    "{\"$serde_json::private::RawValue\":\"[\"}",
    "{\"\\u0024serde_json::private::RawValue\":1}",
    "{\"$serde_json::private::Number\":\"x\"}",
    "",
];

/// Objects with few names, among them duplicate, escaped and wrongly typed members.
fn json_tokens() -> impl Strategy<Value = Vec<String>> {
    let name = prop::sample::select(vec![
        "exp",
        "\\u0065xp",
        "sub",
        "aud",
        "alg",
        "kid",
        "typ",
        "crit",
        "zip",
        "x",
        "\\ud800",
        "$serde_json::private::RawValue",
        "$serde_json::private::Number",
    ]);
    let value = prop::sample::select(VALUES);
    let members = prop::collection::vec((name, value), 0..6);
    let shape = prop::sample::select(vec![
        ("{", "}"),
        ("{", "}"),
        (" { ", "}\n"),
        ("[", "]"),
        ("{", ""),
    ]);
    (members, shape).prop_map(|(members, (open, close))| {
        let members = members
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"));
        let members: Vec<String> = members.collect();
        vec![open.to_owned(), members.join(","), close.to_owned()]
    })
}

proptest! {
    #[test]
    fn no_text_is_taken_for_a_token(text in "\\PC{0,200}") {
        prop_assert!(verify(&text).is_err());
    }

    #[test]
    fn no_three_parts_are_taken_for_a_token(header: Vec<u8>, claims: Vec<u8>, signature: Vec<u8>) {
        let parts = [header, claims, signature].map(|part| base64url::encode(&part));
        prop_assert!(verify(&parts.join(".")).is_err());
    }

    #[test]
    fn a_token_with_one_byte_changed_is_refused(index: prop::sample::Index, byte in b' '..=b'~') {
        let token = issuer().issue(&json!({ "sub": "user_1" })).unwrap();
        let mut bytes = token.clone().into_bytes();
        let index = index.index(bytes.len());
        bytes[index] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert_eq!(verify(&changed).is_ok(), changed == token);
    }

    #[test]
    fn claims_come_out_as_they_went_in(
        sub in "\\PC{1,40}",
        more in prop::collection::btree_map("x\\PC{0,12}", "\\PC{0,40}", 0..20),
    ) {
        let mut claims = json!(more);
        claims["sub"] = json!(sub);
        let token = issuer().issue(&claims).unwrap();
        let verified = verify(&token).unwrap();
        prop_assert_eq!(verified.subject(), &sub);
        let mut out: Value = verified.claims().unwrap();
        for name in ["iss", "aud", "iat", "exp", "jti"] {
            out.as_object_mut().unwrap().remove(name);
        }
        prop_assert_eq!(out, claims);
    }

    #[test]
    fn a_token_is_read_as_a_plain_json_parser_reads_it(tokens in json_tokens()) {
        let json = tokens.concat();
        crate::fuzzing::token::header_agrees(&json);
        crate::fuzzing::token::claims_agree(&json);
        crate::fuzzing::token::accepted_claims_decode(&json);
    }

    #[test]
    fn accepted_claims_decode_however_deep(depth in 0_usize..200, open in "[\\[{]") {
        let (open, close) = if open == "[" { ("[", "]") } else { (r#"{"a":"#, "}") };
        let nest = [&open.repeat(depth), "0", &close.repeat(depth)].concat();
        crate::fuzzing::token::accepted_claims_decode(&format!(r#"{{"x":{nest}}}"#));
    }

    #[test]
    fn no_bytes_make_the_key_set_parser_panic(bytes: Vec<u8>) {
        crate::fuzzing::token::key_set(&bytes);
    }

    #[test]
    fn a_pem_text_that_is_read_reads_the_same_in_every_spelling(
        parts in prop::collection::vec(prop::sample::select(vec![
            "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "-----BEGIN PUBLIC KEY-----",
            "-----END", "-BEGIN", "MAMCAQA=", "MAMC", "AQA", "\n", "\\n", "\\u002b", "\\", " ", "\"", "-", "x",
        ]), 0..8),
    ) {
        crate::fuzzing::token::pem(parts.concat().as_bytes());
    }
}
