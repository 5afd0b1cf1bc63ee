//! One function per fuzz target: the property, beside the private items it needs.

/// An accepted URL holds no private address, no user name and no port 0, and stays accepted when
/// it is printed and parsed again.
pub fn egress_url(text: &str) {
    use crate::egress::EgressPolicy;
    use url::{Host, Url};

    let Ok(url) = Url::parse(text) else { return };
    let policy = EgressPolicy::public();
    if policy.check_url(&url).is_err() {
        return;
    }
    let literal = match url.host() {
        Some(Host::Ipv4(v4)) => Some(v4.into()),
        Some(Host::Ipv6(v6)) => Some(v6.into()),
        Some(Host::Domain(_)) | None => None,
    };
    if let Some(address) = literal {
        assert!(policy.check_addr(address).is_ok(), "{url} is accepted");
    }
    assert_eq!(url.scheme(), "https");
    assert!(url.username().is_empty() && url.password().is_none());
    assert_ne!(url.port(), Some(0));
    let again = Url::parse(url.as_str());
    assert_eq!(again.as_ref(), Ok(&url));
}

/// A payload that decodes is written as a payload that decodes to the same event, unless its name
/// may not be sent.
pub fn event_envelope(payload: &[u8]) {
    use crate::clock::UnixMillis;
    use crate::event::AuthEvent;
    use crate::id::MessageId;

    let Ok(event) = AuthEvent::from_slice(payload) else {
        return;
    };
    let _ = event.resource();
    let Ok(id) = MessageId::new("msg_1") else {
        return;
    };
    let written = event.to_payload(&id, UnixMillis::EPOCH);
    match AuthEvent::from_slice(&written) {
        Ok(again) => {
            assert_eq!(again.to_payload(&id, UnixMillis::EPOCH), written);
            assert_eq!(again.event_type(), event.event_type());
        }
        Err(err) => panic!("what was written does not decode: {err}"),
    }
}

/// What a signature header says is at most 8 signatures, and survives being written and read again.
fn signature_header(
    grammar: crate::signature::Grammar,
    encoding: crate::signature::SignatureEncoding,
    value: &str,
) {
    let Ok(parsed) = grammar.parse(value) else {
        return;
    };
    assert!((1..=8).contains(&parsed.signatures().len()));
    let decode = |text: &&str| encoding.decode::<32>(text);
    let bytes: Vec<_> = parsed.signatures().iter().filter_map(decode).collect();
    let time = parsed.time.unwrap_or("1");
    let texts: Vec<_> = bytes.iter().map(|bytes| encoding.encode(bytes)).collect();
    let written = grammar.write(time, &texts);
    match grammar.parse(&written) {
        Ok(again) => {
            assert!(again.signatures().iter().filter_map(decode).eq(bytes));
            assert_eq!(again.time, parsed.time);
        }
        // None of the signatures decoded, so none was written.
        Err(_) => assert!(bytes.is_empty(), "{written:?} does not parse"),
    }
}

/// [`signature_header`] for `t=…,v1=…`, with `v1,…` read as well and not, spaced and not.
pub fn signature_fields(value: &str) {
    use crate::signature::{Grammar, SignatureEncoding};

    for (bare_version, spaced) in [(false, false), (true, false), (false, true)] {
        let grammar = Grammar::Fields {
            version: "v1",
            bare_version,
            spaced,
        };
        signature_header(grammar, SignatureEncoding::LowerHex, value);
    }
}

/// [`signature_header`] for `v1,… v1,…`.
pub fn signature_list(value: &str) {
    use crate::signature::{Grammar, SignatureEncoding};

    let grammar = Grammar::List { version: "v1" };
    signature_header(grammar, SignatureEncoding::Base64, value);
}

/// [`signature_header`] for a single signature behind a prefix, or behind none.
pub fn signature_single(value: &str) {
    use crate::signature::{Grammar, SignatureEncoding};

    for prefix in ["", "v0=", "sha256="] {
        let grammar = Grammar::Single { prefix };
        signature_header(grammar, SignatureEncoding::AnyHex, value);
        signature_header(grammar, SignatureEncoding::Base64, value);
    }
}

/// A template that is accepted tells every two messages apart: from the signed bytes, read from both
/// ends up to the body, come the id, the time and the body that made them.
pub fn content_template(template: &str, body: &[u8]) {
    crate::signature::content_is_unambiguous(template, body);
}

/// Puts each line under all names that it can have: those of ids, of timestamps, of signatures.
fn webhook_headers(input: &str) -> http::HeaderMap {
    use http::{HeaderMap, HeaderName, HeaderValue};

    const NAMES: [&[&str]; 3] = [
        &[
            "webhook-id",
            "svix-id",
            "banata-webhook-id",
            "x-github-delivery",
        ],
        &[
            "webhook-timestamp",
            "svix-timestamp",
            "x-slack-request-timestamp",
        ],
        &[
            "webhook-signature",
            "svix-signature",
            "banata-webhook-signature",
            "stripe-signature",
            "workos-signature",
            "x-hub-signature-256",
            "x-slack-signature",
            "x-shopify-hmac-sha256",
        ],
    ];

    let mut headers = HeaderMap::new();
    for (line, names) in input.lines().zip(NAMES) {
        for name in names {
            if let Ok(value) = HeaderValue::from_str(line) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
    }
    headers
}

/// [`diagnosis_is_true`](crate::signature::diagnosis_is_true); the first byte picks the preset, the
/// text holds the headers as for [`verify_headers`].
pub fn diagnose(preset: u8, headers: &str, body: &[u8]) {
    let headers = webhook_headers(headers);
    crate::signature::diagnosis_is_true(preset.into(), body, &headers);
}

/// No headers that were not made with the key are accepted, and none make the verifier panic.
///
/// The input's lines are the values of id, timestamp and signature, for every scheme.
pub fn verify_headers(input: &str) {
    use crate::clock::{Clock, UnixMillis};
    use crate::signature::{Scheme, Verifier};

    #[derive(Debug)]
    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> UnixMillis {
            UnixMillis::from_millis(1_750_000_000_000)
        }
    }

    const KEY: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const SCHEMES: [fn() -> Scheme; 10] = [
        Scheme::banata,
        Scheme::banata_sdk,
        Scheme::standard_webhooks,
        Scheme::svix,
        Scheme::clerk,
        Scheme::stripe,
        Scheme::workos,
        Scheme::github,
        Scheme::slack,
        Scheme::shopify,
    ];
    let headers = webhook_headers(input);
    for scheme in SCHEMES {
        let builder = Verifier::builder(scheme()).clock(Fixed).secret(KEY);
        let verifier = builder.and_then(|builder| builder.build());
        let verdict = verifier.map(|verifier| verifier.verify(&headers, b"{}"));
        assert!(matches!(verdict, Ok(Err(_))), "{headers:?}");
    }
}

/// Header and claims of a token are read as a plain JSON parser reads them.
pub fn token_parts(json: &str) {
    crate::jwks::fuzzed::header_agrees(json);
    crate::jwks::fuzzed::claims_agree(json);
}

/// A JWKS that is read is bounded, publishes nothing private, and reads the same again.
pub fn jwks_document(json: &[u8]) {
    crate::jwks::fuzzed::key_set(json);
}

/// Only the token that the key's holder signed is accepted, by layer and verifier alike.
pub fn token(text: &str) {
    use std::sync::LazyLock;

    use crate::clock::{UnixMillis, UnixTime};
    use crate::jwks::{KeySet, TokenVerifier};
    use crate::testing::ManualClock;

    // RFC 8037, appendix A.
    const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    static VERIFIER: LazyLock<TokenVerifier> = LazyLock::new(|| {
        let keys = KeySet::from_json(KEYS).expect("the key is good");
        let clock = ManualClock::at(UnixMillis::from(UnixTime::from_secs(1_760_000_000)));
        let builder = TokenVerifier::builder(keys).issuer("https://auth.example");
        let builder = builder.audience("https://app.example").clock(clock);
        builder.build().expect("nothing is missing")
    });
    // No token was ever signed for this issuer and time with that key.
    assert!(VERIFIER.verify_now(text).is_err(), "{text}");
}

/// The password of a request is in no payload, whatever the answer; only ids and documented plain
/// fields are not compared with it.
pub fn emit_redaction(input: &[u8]) {
    use crate::emit::fuzz::{is_public, payloads, with_secret};
    use serde_json::Value;

    /// As long as a text must be to be looked for inside of others, and not part of any name.
    const SECRET: &str = "S3CR3T-PASSWORD";

    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let (Some(path), Some(answered)) = (parts.next(), parts.next()) else {
        return;
    };
    let Ok(path) = std::str::from_utf8(path) else {
        return;
    };
    let answered = String::from_utf8_lossy(answered).replace('$', SECRET);
    let Ok(answered) = serde_json::from_str::<Value>(&answered) else {
        return;
    };
    for mut payload in payloads(path, &with_secret(SECRET), &answered) {
        if let Some(fields) = payload.as_object_mut() {
            fields.retain(|key, value| !is_public(key, value));
        }
        assert!(!payload.to_string().contains(SECRET));
    }
}

/// A `Retry-After` value never asks for more than a day, and the seconds it stands for, written as
/// digits, mean the same.
pub fn retry_after(value: &[u8], now: u64) {
    use crate::clock::UnixTime;
    use crate::retry::parse_retry_after;

    let now = UnixTime::from_secs(now);
    let Some(wait) = parse_retry_after(value, now) else {
        return;
    };
    assert!(wait.as_secs() <= 24 * 60 * 60);
    assert_eq!(wait.subsec_nanos(), 0);
    let digits = wait.as_secs().to_string();
    assert_eq!(parse_retry_after(digits.as_bytes(), now), Some(wait));
}

/// The id found in a body is the one that a full decoder finds there, whatever else is in it.
#[cfg(feature = "verify")]
pub fn body_id(body: &[u8]) {
    use serde_json::Value;

    let Some(id) = crate::verify::string_at(body, "/id") else {
        return;
    };
    let decoded: Option<Value> = serde_json::from_slice(body).ok();
    // A full decoder refuses what is nested too deep, and numbers that are too large.
    if let Some(decoded) = decoded {
        assert_eq!(decoded.pointer("/id").and_then(Value::as_str), Some(&*id));
    }
}

/// What `serde_json` reads, a captured body is read as, unless it is nested too deep; nothing is
/// nested deeper afterwards.
#[cfg(feature = "emit")]
pub fn captured_json(body: &[u8]) {
    crate::emit::fuzz::lenient(body);
}
