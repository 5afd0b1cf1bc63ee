//! Damaged keys, key sets and unusual claims.

use std::io;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};
use axum::body::Body;
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower_auth_sync::clock::{Clock as _, SystemClock};
use tower_auth_sync::token::{
    Algorithm, Claims, JwtAuthLayer, JwtIssuer, KeySet, SigningKey, TokenError, TokenVerifier,
    VerifyingKey,
};

const ISSUER: &str = "https://auth.example";
const AUDIENCE: &str = "app";

const PRIVATE: [&str; 6] = [
    include_str!("../../data/keys/ed25519.pem"),
    include_str!("../../data/keys/p256.pem"),
    include_str!("../../data/keys/p256-sec1.pem"),
    include_str!("../../data/keys/p384.pem"),
    include_str!("../../data/keys/rsa.pem"),
    include_str!("../../data/keys/rsa-pkcs1.pem"),
];
const PUBLIC: [&str; 4] = [
    include_str!("../../data/keys/ed25519.pub.pem"),
    include_str!("../../data/keys/p256.pub.pem"),
    include_str!("../../data/keys/p384.pub.pem"),
    include_str!("../../data/keys/rsa.pub.pem"),
];

type Damage = fn(&str) -> String;

/// How variables, shells, editors and secret stores change a PEM text without a loss.
const HARMLESS: &[(&str, Damage)] = &[
    ("line ends as `\\n`", |pem| pem.replace('\n', "\\n")),
    ("line ends as `\\r\\n`", |pem| pem.replace('\n', "\\r\\n")),
    ("line ends as `\\\\n`", |pem| pem.replace('\n', "\\\\n")),
    ("line ends as `\\u000a`", |pem| pem.replace('\n', "\\u000a")),
    ("that, and quoted", |pem| {
        format!("\"{}\"", pem.trim().replace('\n', "\\n"))
    }),
    ("single quotes", |pem| format!("'{pem}'")),
    ("quotes in quotes", |pem| format!("\"'{}'\"", pem.trim())),
    ("escaped quotes", |pem| {
        format!("\\\"{}\\\"", pem.replace('\n', "\\n"))
    }),
    ("one line with spaces", |pem| pem.replace('\n', " ")),
    ("one line", |pem| pem.replace('\n', "")),
    ("no white space at all", |pem| pem.replace(['\n', ' '], "")),
    ("words on lines of their own", |pem| pem.replace(' ', "\n")),
    ("indented as in YAML", |pem| pem.replace('\n', "\n      ")),
    ("indented by tabs", |pem| {
        format!("\t{}", pem.replace('\n', "\n\t"))
    }),
    ("no line end at the end", |pem| pem.trim_end().to_owned()),
    ("CR LF", |pem| pem.replace('\n', "\r\n")),
    ("CR", |pem| pem.replace('\n', "\r")),
    ("empty lines", |pem| pem.replace('\n', "\n\n")),
    ("a byte order mark", |pem| format!("\u{feff}{pem}")),
    ("no-break spaces", |pem| pem.replace('\n', "\u{a0}\n")),
    ("lines continued by a backslash", |pem| {
        pem.replace('\n', "\\\n")
    }),
    ("slashes as PHP writes them", |pem| pem.replace('/', "\\/")),
    ("plus signs as .NET writes them", |pem| {
        pem.replace('+', "\\u002B").replace('=', "\\u003D")
    }),
    ("text around", |pem| {
        format!("# the key\nname=x\n{pem}\ntrailing text, 100 %\n")
    }),
    ("an assignment", |pem| {
        format!("export KEY=\"{}\";", pem.trim())
    }),
    ("a member of a JSON object", |pem| {
        json!({ "type": "service_account", "private_key": pem, "x": "a/b" }).to_string()
    }),
    ("base64", |pem| STANDARD.encode(pem)),
    ("base64 in quotes and lines", |pem| {
        let mut text = STANDARD.encode(pem);
        text.insert(76, '\n');
        format!("\"{text}\n\"")
    }),
    ("base64 of a damaged text", |pem| {
        STANDARD.encode(pem.replace('\n', "\\n"))
    }),
    ("no BEGIN line", |pem| {
        let (_, rest) = pem.rsplit_once("-----BEGIN").unwrap();
        rest.split_once('\n').unwrap().1.to_owned()
    }),
    ("no END line", |pem| {
        pem.rsplit_once("-----END").unwrap().0.to_owned()
    }),
    ("no END line, and a quote", |pem| {
        format!("\"{}\"", pem.rsplit_once("\n-----END").unwrap().0)
    }),
    ("only the base64", base64_of),
    ("only the base64, in one line", |pem| {
        base64_of(pem).replace('\n', "")
    }),
    ("no padding", |pem| pem.replace('=', "")),
    ("a dash too few", |pem| pem.replace("-----", "----")),
    ("a dash too many", |pem| pem.replace("-----", "------")),
    ("no dashes after the labels", |pem| {
        pem.replace("KEY-----", "KEY")
    }),
];

fn base64_of(pem: &str) -> String {
    let (_, rest) = pem.rsplit_once("-----BEGIN").unwrap();
    let (_, rest) = rest.split_once("-----\n").unwrap();
    rest.split_once("-----END").unwrap().0.to_owned()
}

#[test]
fn a_private_pem_that_lost_nothing_is_read() {
    for pem in PRIVATE {
        let key = SigningKey::from_pem(pem).unwrap();
        for (name, damage) in HARMLESS {
            let read = SigningKey::from_pem(damage(pem)).map(|read| read.id().clone());
            assert_eq!(read.as_ref(), Ok(key.id()), "{name}");
        }
    }
}

#[test]
fn a_public_pem_that_lost_nothing_is_read() {
    for pem in PUBLIC {
        let key = VerifyingKey::from_pem(pem).unwrap();
        for (name, damage) in HARMLESS {
            let read = VerifyingKey::from_pem(damage(pem)).map(|read| read.thumbprint());
            assert_eq!(read, Ok(key.thumbprint()), "{name}");
        }
    }
}

#[test]
fn a_private_key_is_found_among_other_blocks() {
    let p256 = include_str!("../../data/keys/p256-sec1.pem");
    let key = SigningKey::from_pem(p256).unwrap();
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let certificate = "-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n";
    for text in [
        format!("{parameters}{p256}"),
        format!("{certificate}{p256}{certificate}"),
        format!("{}{p256}", PUBLIC[1]),
        format!("{parameters}{p256}").replace('\n', "\\n"),
        format!("{parameters}{p256}").replace('\n', ""),
    ] {
        assert_eq!(SigningKey::from_pem(&text).unwrap().id(), key.id());
    }
}

/// Changes that lose something, or leave more than one reading.
const HARMFUL: &[(&str, Damage, &str)] = &[
    (
        "plus signs as spaces",
        |pem| pem.replace('+', " "),
        "altered",
    ),
    (
        "line ends as `n`",
        |pem| pem.replace('\n', "n"),
        "the letter `n`",
    ),
    (
        "line ends as `rn`",
        |pem| pem.replace('\n', "rn"),
        "the letter `n`",
    ),
    (
        "cut off",
        |pem| pem[..pem.len() / 2].to_owned(),
        "the `END` line",
    ),
    (
        "its first line only",
        |pem| pem.lines().next().unwrap().to_owned(),
        "the `END` line",
    ),
    (
        "without its start",
        |pem| pem[pem.len() / 2..].to_owned(),
        "the `BEGIN` line",
    ),
    (
        "no END line, and text",
        |pem| pem.split_once("-----END").unwrap().0.to_owned() + "# end",
        "the `END` line",
    ),
    (
        "a damaged BEGIN line",
        |pem| pem.replace("-----BEGIN", "- BEG"),
        "the `BEGIN` line",
    ),
    (
        "long dashes",
        |pem| pem.replace("-----", "—"),
        "the `BEGIN` line",
    ),
    (
        "percent codes",
        |pem| pem.replace('\n', "%0A"),
        "'%' stands",
    ),
    ("quoted mail", |pem| pem.replace('\n', "\n> "), "'>' stands"),
    ("HTML", |pem| pem.replace('\n', "<br>"), "'<' stands"),
    (
        "octal line ends",
        |pem| pem.replace('\n', "\\012"),
        "'\\\\' stands",
    ),
    ("a list", |pem| pem.replace('\n', ","), "',' stands"),
    (
        "quotes around each line",
        |pem| pem.replace('\n', "\",\""),
        "stands",
    ),
    (
        "a line less",
        |pem| {
            let mut lines: Vec<_> = pem.lines().collect();
            lines.remove(2);
            lines.join("\n")
        },
        "incomplete",
    ),
    (
        "a character less",
        |pem| {
            let mut text = pem.to_owned();
            text.remove(100);
            text
        },
        "incomplete",
    ),
    (
        "base64 twice",
        |pem| STANDARD.encode(STANDARD.encode(pem)),
        "no `-----BEGIN` line",
    ),
    (
        "a part of the base64",
        |pem| base64_of(pem)[8..].to_owned(),
        "no `-----BEGIN` line",
    ),
];

/// Asserts that `error` says `expected` and quotes nothing of `pem`.
fn assert_names(error: &dyn std::error::Error, expected: &str, pem: &str, name: &str) {
    let text = format!("{error} {error:?}");
    assert!(text.contains(expected), "{name}: {text}");
    let base64 = base64_of(pem).replace('\n', "");
    let mut parts = base64.as_bytes().windows(6);
    assert!(
        parts.all(|part| !text.contains(str::from_utf8(part).unwrap())),
        "{name}: {text}"
    );
}

#[test]
fn a_pem_that_lost_something_is_refused_by_the_name_of_the_damage() {
    let private = include_str!("../../data/keys/rsa.pem");
    let public = include_str!("../../data/keys/rsa.pub.pem");
    for (name, damage, expected) in HARMFUL {
        let error = SigningKey::from_pem(damage(private)).unwrap_err();
        assert_names(&error, expected, private, name);
        let error = VerifyingKey::from_pem(damage(public)).unwrap_err();
        assert_names(&error, expected, public, name);
    }
}

fn block(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

#[test]
fn a_text_that_is_no_private_key_is_refused_by_its_name() {
    let legacy = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF\n\nMAMCAQA=";
    for (input, expected) in [
        (
            PUBLIC[0].to_owned(),
            "holds a public key; a private key is needed",
        ),
        (base64_of(PUBLIC[3]), "holds a public key"),
        (
            block("PRIVATE KEY", &base64_of(PUBLIC[1])),
            "holds a public key",
        ),
        (
            block("EC PARAMETERS", "BggqhkjOPQMBBw=="),
            "the parameters of a curve",
        ),
        (
            include_str!("../../data/keys/encrypted.pem").to_owned(),
            "an encrypted private key",
        ),
        (block("RSA PRIVATE KEY", legacy), "an encrypted private key"),
        (
            block("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEA"),
            "an OpenSSH key",
        ),
        (
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me@host\n".to_owned(),
            "an OpenSSH key",
        ),
        (block("CERTIFICATE", "MAMCAQA="), "a certificate"),
        (
            block("CERTIFICATE REQUEST", "MAMCAQA="),
            "something that is no key",
        ),
        (
            block("PGP PRIVATE KEY BLOCK", "MAMCAQA="),
            "something that is no key",
        ),
    ] {
        let error = SigningKey::from_pem(&input).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_text_that_is_no_pem_is_refused_by_its_format() {
    let utf16 = PRIVATE[0].encode_utf16().flat_map(u16::to_le_bytes);
    let der = SigningKey::from_pem(PRIVATE[1])
        .unwrap()
        .to_pkcs8()
        .unwrap();
    for (input, expected) in [
        (r#"{"kty":"OKP"}"#.into(), "it is JSON"),
        (Vec::new(), "no `-----BEGIN` line"),
        ("/run/secrets/signing/key".into(), "no `-----BEGIN` line"),
        ("${SIGNING_KEY}".into(), "no `-----BEGIN` line"),
        (utf16.collect(), "not UTF-8"),
        (der.to_vec(), "not UTF-8"),
    ] {
        let error = SigningKey::from_pem(&input).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_text_that_is_no_public_key_is_refused_by_its_name() {
    for (input, expected) in [
        (
            PRIVATE[0].to_owned(),
            "holds a private key; a public key is needed",
        ),
        (base64_of(PRIVATE[2]), "holds a private key"),
        (base64_of(PRIVATE[4]), "holds a private key"),
        (block("CERTIFICATE", "MAMCAQA="), "a certificate"),
        ("ecdsa-sha2-nistp256 AAAAE2Vj me".into(), "an OpenSSH key"),
        (
            block("PUBLIC KEY", "MAMCAQA="),
            "type or curve is not supported",
        ),
    ] {
        let error = VerifyingKey::from_pem(&input).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_damaged_jwk_is_refused_by_the_name_of_the_damage() {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;
    assert!(SigningKey::from_jwk(jwk).is_ok());
    for (text, expected) in [
        (jwk.replace('"', "\\\""), "it is escaped"),
        (format!("{{\\n{}", &jwk[1..]), "it is escaped"),
        (format!("'{jwk}'"), "it is in quotes"),
        (json!(jwk).to_string(), "it is in quotes"),
        (jwk.replace('"', "'"), "its quotes are single ones"),
        (jwk.replace('"', ""), "its quotes are missing"),
        (format!("\u{feff}{jwk}"), "a byte order mark"),
        (STANDARD.encode(jwk), "it is base64"),
        (PRIVATE[0].to_owned(), "it is PEM"),
        (jwk[..60].to_owned(), "not a JSON object"),
    ] {
        for error in [
            SigningKey::from_jwk(&text).unwrap_err().to_string(),
            VerifyingKey::from_jwk(&text).unwrap_err().to_string(),
            KeySet::from_json(&text).unwrap_err().to_string(),
        ] {
            assert!(error.contains(expected), "{expected}: {error}");
            assert!(
                !error.contains("nWGx") && !error.contains("11qY"),
                "{error}"
            );
        }
    }
}

proptest! {
    #[test]
    fn damages_that_lose_nothing_add_up(
        chosen in prop::collection::vec(prop::sample::select(HARMLESS), 1..4),
        pem in prop::sample::select(&PRIVATE[..]),
    ) {
        // These need the original text: its lines, or the character after a backslash.
        let alone = ["base64", "no ", "only", "lines continued"];
        let adds_up = |name: &str| !alone.iter().any(|start| name.starts_with(start));
        let chosen: Vec<_> = chosen.into_iter().filter(|(name, _)| adds_up(name)).collect();
        let damaged = chosen.iter().fold(pem.to_owned(), |text, (_, damage)| damage(&text));
        let names: Vec<_> = chosen.iter().map(|(name, _)| name).collect();
        let read = SigningKey::from_pem(damaged).map(|key| key.id().clone());
        prop_assert_eq!(read, SigningKey::from_pem(pem).map(|key| key.id().clone()), "{:?}", names);
    }

    #[test]
    fn a_pem_with_a_part_cut_out_is_never_another_key(start in 0_usize..1704, length in 1_usize..200) {
        let pem = PRIVATE[4];
        let genuine = SigningKey::from_pem(pem).unwrap();
        let start = start.min(pem.len());
        let end = (start + length).min(pem.len());
        let cut = [&pem[..start], &pem[end..]].concat();
        match SigningKey::from_pem(&cut) {
            Ok(key) => prop_assert_eq!(key.id(), genuine.id()),
            Err(error) => assert_names(&error, "", pem, "cut"),
        }
    }
}

struct Rsa(RsaKeyPair);

impl Rsa {
    fn new() -> Self {
        Self(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    fn jwk(&self, more: &Value) -> Value {
        let n = self.0.public_key().modulus();
        let n = URL_SAFE_NO_PAD.encode(n.big_endian_without_leading_zero());
        let mut jwk = json!({ "kty": "RSA", "n": n, "e": "AQAB", "use": "sig" });
        let more = more.as_object().unwrap().clone();
        jwk.as_object_mut().unwrap().extend(more);
        jwk
    }

    fn named(&self, kid: &str) -> Value {
        self.jwk(&json!({ "kid": kid, "alg": "RS256" }))
    }

    fn token(&self, alg: &str, kid: Option<&str>) -> String {
        let now = SystemClock.now().to_secs().as_secs();
        let mut header = json!({ "alg": alg, "typ": "JWT" });
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        let claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "usr_9", "exp": now + 600 });
        let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = parts.join(".");
        let mut signature = vec![0; self.0.public_modulus_len()];
        let padding: &dyn RsaEncoding = if alg == "PS256" {
            &RSA_PSS_SHA256
        } else {
            &RSA_PKCS1_SHA256
        };
        let random = SystemRandom::new();
        let bytes = message.as_bytes();
        self.0
            .sign(padding, &random, bytes, &mut signature)
            .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::from_json(json!({ "keys": keys }).to_string()).unwrap()
}

fn verify(keys: &[Value], algorithms: &[Algorithm], token: &str) -> Result<(), TokenError> {
    let verifier = TokenVerifier::builder(set(keys))
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .algorithms(algorithms.iter().copied())
        .build();
    verifier.unwrap().verify_now(token).map(drop)
}

const BOTH: [Algorithm; 2] = [Algorithm::Rs256, Algorithm::Ps256];

#[test]
fn the_same_key_twice_in_a_set_counts_once() {
    let (a, b) = (Rsa::new(), Rsa::new());
    let padded = {
        let mut jwk = a.named("k");
        jwk["e"] = json!("AAEAAQ");
        jwk
    };
    for (keys, kid) in [
        (vec![a.named("k"), a.named("k")], Some("k")),
        (vec![a.named("k"), a.named("k"), a.named("k")], None),
        (vec![a.named("k"), padded], Some("k")),
        (vec![a.named("k"), b.named("l"), a.named("k")], Some("k")),
        (vec![a.named("k1"), a.named("k2")], None),
        (vec![a.named("k1"), a.named("k2")], Some("k2")),
        (vec![a.named("k1"), a.jwk(&json!({}))], None),
    ] {
        let verdict = verify(&keys, &BOTH, &a.token("RS256", kid));
        assert!(verdict.is_ok(), "{kid:?} {verdict:?}");
        let forged = verify(&keys, &BOTH, &b.token("RS256", kid));
        assert!(forged.is_err(), "{kid:?}");
    }
}

#[test]
fn different_keys_that_fit_one_token_are_refused_with_the_reason() {
    let (a, b) = (Rsa::new(), Rsa::new());
    for (keys, kid, expected) in [
        (
            vec![a.named("k"), b.named("k")],
            Some("k"),
            "different keys share",
        ),
        (
            vec![b.named("k"), a.named("k")],
            Some("k"),
            "different keys share",
        ),
        (
            vec![a.named("k"), a.named("k"), b.named("k")],
            Some("k"),
            "different keys share",
        ),
        (
            vec![a.named("k"), b.named("l")],
            None,
            "the token has no `kid`",
        ),
    ] {
        let error = verify(&keys, &BOTH, &a.token("RS256", kid)).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_key_without_an_algorithm_is_for_the_first_of_its_type_that_the_verifier_lists() {
    let (a, b) = (Rsa::new(), Rsa::new());
    let keys = [a.jwk(&json!({ "kid": "k" }))];
    let reversed = [Algorithm::Ps256, Algorithm::Rs256];
    for (algorithms, rs256, ps256) in [
        (&BOTH[..], true, false),
        (&reversed, false, true),
        (&[Algorithm::Ps256], false, true),
        (&[Algorithm::Rs256], true, false),
        (&[Algorithm::Es256], false, false),
    ] {
        for (alg, expected) in [("RS256", rs256), ("PS256", ps256)] {
            let verdict = verify(&keys, algorithms, &a.token(alg, Some("k")));
            assert_eq!(
                verdict.is_ok(),
                expected,
                "{algorithms:?} {alg} {verdict:?}"
            );
        }
    }
    // A key that names its algorithm is for that one.
    let named = [a.named("k")];
    let verdict = verify(&named, &[Algorithm::Ps256], &a.token("PS256", Some("k")));
    assert!(verdict.is_err());
    // The key without an algorithm does not make the other ambiguous.
    let two = [a.jwk(&json!({ "alg": "PS256" })), b.jwk(&json!({}))];
    assert!(verify(&two, &BOTH, &a.token("PS256", None)).is_ok());
    assert!(verify(&two, &BOTH, &b.token("RS256", None)).is_ok());
}

#[test]
fn a_public_pem_key_is_for_the_first_algorithm_of_its_type_too() {
    let key = SigningKey::from_pem(PRIVATE[0]).unwrap();
    let der = key.to_pkcs8().unwrap();
    let issuer = JwtIssuer::builder(ISSUER, AUDIENCE)
        .key(SigningKey::from_pkcs8(Algorithm::Ed25519, &der).unwrap())
        .build()
        .unwrap();
    let token = issuer.issue(&json!({ "sub": "u" })).unwrap();
    let public = VerifyingKey::from_pem(PUBLIC[0])
        .unwrap()
        .with_id(key.id().clone());
    for (algorithms, accepted) in [
        (vec![Algorithm::Ed25519], true),
        (vec![Algorithm::EdDsa], false),
        (vec![Algorithm::EdDsa, Algorithm::Ed25519], false),
    ] {
        let verifier = TokenVerifier::builder(KeySet::new([public.clone()]).unwrap())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .algorithms(algorithms)
            .build()
            .unwrap();
        assert_eq!(verifier.verify_now(&token).is_ok(), accepted);
    }
}

#[test]
fn a_set_without_a_usable_key_names_the_reason_for_each() {
    let a = Rsa::new();
    let mut private = a.named("leaked");
    private["d"] = json!("c2VjcmV0LXNlY3JldA");
    let keys = [
        a.jwk(&json!({ "kid": "for \"encryption\"", "use": "enc" })),
        json!({ "kty": "EC", "crv": "secp256k1", "kid": "bitcoin", "x": "AA", "y": "AA" }),
        json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }),
        private,
        json!("text"),
    ];
    let error = KeySet::from_json(json!({ "keys": keys }).to_string()).unwrap_err();
    let text = error.to_string();
    for reason in [
        r#"key 0 ("for \"encryption\""): the key's `use` is not `sig`"#,
        r#"key 1 ("bitcoin"): the key's type or curve is not supported"#,
        "key 2: the key's modulus must be odd",
        r#"key 3 ("leaked"): the key carries private members"#,
        "key 4: the JSON is damaged: it is in quotes",
    ] {
        assert!(text.contains(reason), "{text}");
    }
    assert!(!format!("{text} {error:?}").contains("c2VjcmV0"));
}

#[test]
fn a_token_whose_key_was_skipped_is_refused_with_the_reason() {
    let (a, b) = (Rsa::new(), Rsa::new());
    for (skipped, expected) in [
        (
            a.jwk(&json!({ "kid": "k", "use": "enc" })),
            "`use` is not `sig`",
        ),
        (
            a.jwk(&json!({ "kid": "k", "alg": "RS512" })),
            "`alg` is not supported",
        ),
        (
            a.jwk(&json!({ "kid": "k", "key_ops": ["sign"] })),
            "`key_ops` do not allow",
        ),
        (a.jwk(&json!({ "kid": "k", "d": "AA" })), "private members"),
        (
            a.jwk(&json!({ "kid": "k", "e": "AQ" })),
            "exponent must be odd",
        ),
    ] {
        let keys = [b.named("l"), skipped];
        let error = verify(&keys, &BOTH, &a.token("RS256", Some("k"))).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("key 1 (\"k\")") && text.contains(expected),
            "{text}"
        );
        assert_eq!(error.kind().slug(), "invalid-token");
        assert_eq!(error.description(), "the token is not acceptable here");
    }
    // A usable key under the same id is found.
    let keys = [a.jwk(&json!({ "kid": "k", "use": "enc" })), a.named("k")];
    assert!(verify(&keys, &BOTH, &a.token("RS256", Some("k"))).is_ok());
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_skipped_key_is_logged_with_its_id_and_the_reason() {
    let a = Rsa::new();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        set(&[
            a.named("good"),
            a.jwk(&json!({ "kid": "mail", "use": "enc" })),
            a.jwk(&json!({ "use": "enc" })),
            json!({ "kty": "oct", "kid": "mac", "k": "c2VjcmV0LXNlY3JldA" }),
        ]);
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].contains("WARN") && lines[0].contains("kid=\"mail\""),
        "{text}"
    );
    assert!(lines[0].contains("`use` is not `sig`"), "{text}");
    assert!(
        lines[1].contains("index=2") && !lines[1].contains("kid="),
        "{text}"
    );
    assert!(
        lines[2].contains("ERROR") && lines[2].contains("kid=\"mac\""),
        "{text}"
    );
    assert!(!text.contains("c2VjcmV0"), "{text}");
}

/// Further members, some of which a JSON parser may be unable to represent.
const UNDECODABLE: &[&str] = &[
    r#""x":"\ud800""#,
    r#""x":"\udc00 \ud83d""#,
    r#""x":{"\ud800":1}"#,
    r#""x":["a",{"b":["\ud800"]}]"#,
    r#""x":1e400"#,
    r#""x":[-1e309]"#,
    r#""x":{"$serde_json::private::RawValue":"1"}"#,
    r#""x":{"$serde_json::private::RawValue":1}"#,
    r#""x":[{"\u0024serde_json::private::RawValue":"{"}]"#,
    r#""x":{"$serde_json::private::Number":"one"}"#,
    r#""$serde_json::private::RawValue":"{}""#,
];

const DECODABLE: &[&str] = &[
    r#""x":-0"#,
    r#""x":-0.0"#,
    r#""x":1.7976931348623157e308"#,
    r#""x":1e-400"#,
    r#""x":123456789012345678901234567890"#,
    r#""x":-9223372036854775809"#,
    r#""x":"\ud83d\ude00""#,
    r#""x":"\u0000""#,
    r#""x":{"a":1,"a":2}"#,
    r#""x":null,"":"","y":[[],{},""]"#,
];

/// Signs any claims with the key of [`PRIVATE`]`[4]`, and sends them to a guarded route.
async fn ask(members: &str) -> (StatusCode, Result<(), TokenError>) {
    let key = SigningKey::from_pem(PRIVATE[4]).unwrap();
    let pair = RsaKeyPair::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
    let exp = SystemClock.now().to_secs().as_secs() + 600;
    let claims =
        format!(r#"{{{members},"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"u","exp":{exp}}}"#);
    let message = [r#"{"alg":"RS256"}"#, &claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let mut signature = vec![0; pair.public_modulus_len()];
    let random = SystemRandom::new();
    pair.sign(
        &RSA_PKCS1_SHA256,
        &random,
        message.as_bytes(),
        &mut signature,
    )
    .unwrap();
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    let verifier = TokenVerifier::builder(KeySet::new([key.verifying_key().clone()]).unwrap())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let verdict = verifier.verify_now(&token).map(drop);
    let handler = get(|Claims(claims): Claims<Value>| async move { Json(claims) });
    let app = Router::new()
        .route("/me", handler)
        .route_layer(JwtAuthLayer::new(verifier));
    let request = Request::get("/me").header(AUTHORIZATION, format!("Bearer {token}"));
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await;
    (response.unwrap().status(), verdict)
}

#[tokio::test]
async fn claims_that_no_value_can_hold_are_refused_by_the_verifier() {
    let deep =
        |open: &str, close: &str| format!("\"x\":{}0{}", open.repeat(200), close.repeat(200));
    let deep = [deep("[", "]"), deep("{\"a\":", "}"), deep("[{\"a\":", "}]")];
    let deep = deep.iter().map(String::as_str);
    for members in UNDECODABLE.iter().copied().chain(deep) {
        let (status, verdict) = ask(members).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{members}");
        assert!(
            matches!(verdict, Err(TokenError::Undecodable)),
            "{members} {verdict:?}"
        );
    }
}

#[tokio::test]
async fn claims_that_are_odd_and_whole_reach_the_handler() {
    let nest = format!("\"x\":{}0{}", "[".repeat(120), "]".repeat(120));
    for members in DECODABLE.iter().copied().chain([&*nest]) {
        let (status, verdict) = ask(members).await;
        assert_eq!(status, StatusCode::OK, "{members} {verdict:?}");
    }
}
