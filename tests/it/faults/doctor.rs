//! Bodies that something on the way wrote anew, and what the doctor says of each.

use std::time::Duration;

use http::HeaderMap;
use serde::Deserialize;
use tower_auth_sync::clock::{UnixMillis, UnixTime};
use tower_auth_sync::doctor::BodyChange;
use tower_auth_sync::doctor::BodyChange::*;
use tower_auth_sync::doctor::Diagnosis;
use tower_auth_sync::doctor::diagnose;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::secret::Secret;
use tower_auth_sync::signature::{Signer, Verifier};
use tower_auth_sync::testing::ManualClock;

const NOW: UnixTime = UnixTime::from_secs(1_750_000_000);
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

#[derive(Deserialize)]
struct Fault {
    scheme: String,
    secret: String,
    signed: String,
    came: String,
    expected: String,
}

fn found(scheme: &Scheme, secret: &str, signed: &[u8], came: &[u8]) -> Vec<Diagnosis> {
    let secret = Secret::new(secret).unwrap();
    let signer = Signer::new(scheme.clone(), [secret.clone()]).unwrap();
    let mut headers = HeaderMap::new();
    let id = MessageId::new("msg_1").unwrap();
    signer.sign_at(&id, NOW, signed).apply(&mut headers);
    diagnose(scheme, &[secret], &headers, came, NOW.into())
}

/// What is found under schemes whose signatures differ most.
#[track_caller]
fn assert_changes(signed: &str, came: &str, changes: &[BodyChange]) {
    let expected: Vec<_> = changes.iter().copied().map(Diagnosis::Body).collect();
    for scheme in [
        Scheme::standard_webhooks(),
        Scheme::github(),
        Scheme::workos(),
    ] {
        let found = found(&scheme, SECRET, signed.as_bytes(), came.as_bytes());
        assert_eq!(found, expected, "{signed} {came}");
    }
}

#[test]
fn each_reported_rewriting_is_named_as_expected() {
    for file in [
        include_str!("../../data/faults/10-byte-order-mark.json"),
        include_str!("../../data/faults/10-escapes-were-resolved.json"),
        include_str!("../../data/faults/10-php-slashes.json"),
        include_str!("../../data/faults/10-text-was-escaped.json"),
    ] {
        let fault: Fault = serde_json::from_str(file).unwrap();
        let scheme = Scheme::by_name(&fault.scheme).unwrap();
        let (signed, came) = (fault.signed.as_bytes(), fault.came.as_bytes());
        let found = found(&scheme, &fault.secret, signed, came);
        assert_eq!(found.len(), 1, "{found:?}");
        let said = found[0].to_string();
        assert!(said.starts_with(&fault.expected), "{said}");
    }
}

#[test]
fn escapes_beyond_ascii_that_were_resolved_or_made_are_named() {
    for (escaped, plain) in [
        (r#"{"a":"Zo\u00eb"}"#, r#"{"a":"Zoë"}"#),
        (r#"{"a":"Zo\u00EB"}"#, r#"{"a":"Zoë"}"#),
        (r#"{"a":"\ud83d\ude00!"}"#, r#"{"a":"😀!"}"#),
        (
            r#"{"a":"\uD83D\uDE00","b":"\u2028"}"#,
            "{\"a\":\"😀\",\"b\":\"\u{2028}\"}",
        ),
        (
            r#"{"\u00e9":1,"b\\\"":"\u4e2d\n"}"#,
            r#"{"é":1,"b\\\"":"中\n"}"#,
        ),
        (r#"["\u2028\u2029"]"#, "[\"\u{2028}\u{2029}\"]"),
    ] {
        assert_changes(escaped, plain, &[SignedEscaped]);
        assert_changes(plain, escaped, &[SignedUnescaped]);
    }
}

#[test]
fn slashes_that_were_escaped_or_not_are_named() {
    for (escaped, plain) in [
        (
            r#"{"url":"https:\/\/x.example\/"}"#,
            r#"{"url":"https://x.example/"}"#,
        ),
        (r#"{"a":"<\/script>"}"#, r#"{"a":"</script>"}"#),
        (r#"["\/\\\/"]"#, r#"["/\\/"]"#),
    ] {
        assert_changes(escaped, plain, &[SignedSlashesEscaped]);
        assert_changes(plain, escaped, &[SignedSlashesUnescaped]);
    }
    // PHP escapes both.
    let php = r#"{"url":"https:\/\/x.example\/Zo\u00eb"}"#;
    let plain = r#"{"url":"https://x.example/Zoë"}"#;
    assert_changes(php, plain, &[SignedEscaped, SignedSlashesEscaped]);
}

#[test]
fn ascii_that_was_escaped_or_not_is_named() {
    for (escaped, plain) in [
        // Go and Rails.
        (r#"{"a":"\u003cb\u003e \u0026"}"#, r#"{"a":"<b> &"}"#),
        // .NET.
        (
            r#"{"a":"\u0022\u002B\u0026\u0027\u003C\u003E\u0060\u007F"}"#,
            "{\"a\":\"\\\"+&'<>`\u{7f}\"}",
        ),
        // PHP with JSON_HEX_TAG and JSON_HEX_APOS.
        (r#"{"a":"\u003Cb\u003E\u0027"}"#, r#"{"a":"<b>'"}"#),
        // Gson.
        (r#"{"a":"x\u003d1\u0026y\u0027"}"#, r#"{"a":"x=1&y'"}"#),
        // Python.
        (r#"{"a":"\u007f"}"#, "{\"a\":\"\u{7f}\"}"),
    ] {
        assert_changes(escaped, plain, &[SignedAsciiEscaped]);
        assert_changes(plain, escaped, &[SignedAsciiUnescaped]);
    }
    let go = r#"{"name":"Zoë \u003c3"}"#;
    let python = r#"{"name":"Zo\u00eb <3"}"#;
    assert_changes(go, python, &[SignedUnescaped, SignedAsciiEscaped]);
    let dotnet = r#"{"name":"Zo\u00EB \u003C3"}"#;
    assert_changes(
        dotnet,
        r#"{"name":"Zoë <3"}"#,
        &[SignedEscaped, SignedAsciiEscaped],
    );
}

#[test]
fn the_same_escapes_written_otherwise_are_named() {
    for (one, other) in [
        (r#"{"a":"Zo\u00EB"}"#, r#"{"a":"Zo\u00eb"}"#),
        (r#"{"a":"\u0008\u000c"}"#, r#"{"a":"\b\f"}"#),
        (r#"{"a":"\u001F"}"#, r#"{"a":"\u001f"}"#),
        (r#"{"a":"\u003C"}"#, r#"{"a":"\u003c"}"#),
    ] {
        assert_changes(one, other, &[SignedOtherEscapes]);
        assert_changes(other, one, &[SignedOtherEscapes]);
    }
}

#[test]
fn a_byte_order_mark_is_named_also_with_other_white_space() {
    let (compact, spaced) = (
        r#"{"id":"evt_1","n":[1,2]}"#,
        r#"{"id": "evt_1", "n": [1, 2]}"#,
    );
    let marked = |text: &str| format!("\u{feff}{text}");
    for body in [compact, spaced, "no JSON", ""] {
        assert_changes(body, &marked(body), &[ByteOrderMarkAdded]);
        assert_changes(&marked(body), body, &[ByteOrderMarkRemoved]);
    }
    assert_changes(
        spaced,
        &marked(compact),
        &[ByteOrderMarkAdded, SignedSpaced],
    );
    assert_changes(
        &marked(spaced),
        compact,
        &[ByteOrderMarkRemoved, SignedSpaced],
    );
    let escaped = r#"{"a":"Zo\u00eb"}"#;
    assert_changes(
        escaped,
        &marked(r#"{"a":"Zoë"}"#),
        &[ByteOrderMarkAdded, SignedEscaped],
    );
}

#[test]
fn other_escapes_and_other_white_space_are_named_together() {
    let python = r#"{"name": "Zo\u00eb", "url": "a/b"}"#;
    let compact = r#"{"name":"Zoë","url":"a/b"}"#;
    assert_changes(python, compact, &[SignedEscaped, SignedSpaced]);
    assert_changes(compact, python, &[SignedUnescaped, SignedCompact]);
    let php = "{\n    \"url\": \"a\\/b\"\n}";
    assert_changes(
        php,
        r#"{"url":"a/b"}"#,
        &[SignedSlashesEscaped, SignedIndented],
    );
}

#[test]
fn a_skew_is_said_to_the_millisecond_with_the_tolerance() {
    let scheme = Scheme::workos();
    let signer = Signer::new(scheme.clone(), [SECRET]).unwrap();
    let mut headers = HeaderMap::new();
    let id = MessageId::new("msg_1").unwrap();
    signer.sign_at(&id, NOW, b"{}").apply(&mut headers);
    let now = |millis: i64| {
        let now = UnixMillis::from(NOW).as_millis();
        UnixMillis::from_millis(now.checked_add_signed(millis).unwrap())
    };
    for (millis, said) in [
        (180_001, "180.001 s behind"),
        (180_050, "180.050 s behind"),
        (181_000, "181 s behind"),
        (-180_001, "180.001 s ahead of"),
    ] {
        let builder = Verifier::builder(scheme.clone()).secret(SECRET).unwrap();
        let verifier = builder.clock(ManualClock::at(now(millis))).build().unwrap();
        let found = verifier.diagnose(&headers, b"{}");
        let tolerance = Duration::from_secs(180);
        let millis = -millis;
        assert_eq!(found, [Diagnosis::ClockSkew { millis, tolerance }]);
        let text = found[0].to_string();
        assert!(
            text.contains(said) && text.contains("180 s are tolerated"),
            "{text}"
        );
        let error = verifier.verify(&headers, b"{}").unwrap_err().to_string();
        assert!(error.contains(&said[..said.find(" s").unwrap()]), "{error}");
    }
}
