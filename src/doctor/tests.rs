use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::budget::Budget;
use super::*;
use crate::base::clock::UnixTime;
use crate::base::id::MessageId;
use crate::testing::ManualClock;
use crate::wire::scheme::KeyForm;
use crate::wire::scheme::{SignatureEncoding, TimeUnit};
use crate::wire::signature::{Signer, Verifier, VerifyError};

const NOW: UnixTime = UnixTime::from_secs(1_750_000_000);
const TEXT: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const OTHER: &str = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
const BODY: &[u8] = br#"{"id":"evt_1","n":[1,2]}"#;

fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

fn signed(scheme: &Scheme, text: &str, body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let signer = Signer::new(scheme.clone(), [text]).unwrap();
    let id = MessageId::new("msg_1").unwrap();
    signer.sign_at(&id, NOW, body).apply(&mut headers);
    headers
}

fn causes(scheme: &Scheme, text: &str, headers: &HeaderMap, body: &[u8]) -> Vec<Diagnosis> {
    diagnose(scheme, &[secret(text)], headers, body, NOW.into())
}

const fn skew(millis: i64, tolerance: u64) -> Diagnosis {
    Diagnosis::ClockSkew {
        millis,
        tolerance: Duration::from_secs(tolerance),
    }
}

fn keyed_with(form: KeyForm) -> Scheme {
    let base = Scheme::banata();
    Scheme {
        algorithm: crate::wire::scheme::SignatureAlgorithm::HmacSha256(form),
        ..base
    }
}

const HEX: &str = "whsec_303132333435363738396162636465663031323334353637";
const PLAIN: &str = "not base64, 24 bytes long";

/// Configured form and text, the sender's form and text, and what is to be said.
type FormCase = (KeyForm, &'static str, KeyForm, &'static str, SecretForm);

#[test]
fn each_other_form_of_the_key_is_named() {
    use KeyForm::{Base64, Hex, Text, TextAfterPrefix};
    let (hex_digits, bare) = (&HEX[6..], &TEXT[6..]);
    let cases: [FormCase; 7] = [
        (TextAfterPrefix, TEXT, Text, TEXT, SecretForm::WholeText),
        (Text, TEXT, TextAfterPrefix, TEXT, SecretForm::WithoutPrefix),
        (Text, bare, Text, TEXT, SecretForm::WithPrefix),
        (Text, TEXT, Base64, TEXT, SecretForm::Base64),
        (
            Base64,
            TEXT,
            TextAfterPrefix,
            TEXT,
            SecretForm::WithoutPrefix,
        ),
        (TextAfterPrefix, HEX, Hex, hex_digits, SecretForm::Hex),
        (Base64, PLAIN, Text, PLAIN, SecretForm::WholeText),
    ];
    for (configured, text, sender, sender_text, used) in cases {
        let headers = signed(&keyed_with(sender), sender_text, BODY);
        let found = causes(&keyed_with(configured), text, &headers, BODY);
        let expected = [Diagnosis::KeyForm { secret: 0, used }];
        assert_eq!(found, expected, "{configured:?} {sender:?}");
    }
}

#[test]
fn another_writing_of_the_signature_is_named() {
    for (used, read) in [
        (SignatureEncoding::Base64, SignatureEncoding::LowerHex),
        (SignatureEncoding::LowerHex, SignatureEncoding::Base64),
    ] {
        let with = |encoding| Scheme {
            encoding,
            ..Scheme::banata()
        };
        let headers = signed(&with(used), TEXT, BODY);
        let found = causes(&with(read), TEXT, &headers, BODY);
        assert_eq!(found, [Diagnosis::Encoding { used }]);
    }
    let mut headers = signed(&Scheme::github(), TEXT, BODY);
    let value = headers["x-hub-signature-256"].to_str().unwrap();
    let upper = value.to_uppercase().replace("SHA", "sha");
    headers.insert("x-hub-signature-256", upper.parse().unwrap());
    let used = SignatureEncoding::AnyHex;
    let found = causes(&Scheme::github(), TEXT, &headers, BODY);
    assert_eq!(found, [Diagnosis::Encoding { used }]);
}

#[test]
fn what_happened_to_the_body_is_named() {
    let pretty = b"{\n  \"id\": \"evt_1\",\n  \"n\": [\n    1,\n    2\n  ]\n}";
    let unsorted = br#"{"n":[1,2],"id":"evt_1"}"#;
    for (signed_body, body, change) in [
        (BODY, &[BODY, b"\n"].concat()[..], BodyChange::LineEndAdded),
        (&[BODY, b"\r\n"].concat(), BODY, BodyChange::LineEndRemoved),
        (BODY, pretty, BodyChange::SignedCompact),
        (pretty, BODY, BodyChange::SignedIndented),
        (
            br#"{"id": "evt_1", "n": [1, 2]}"#,
            BODY,
            BodyChange::SignedSpaced,
        ),
        (BODY, unsorted, BodyChange::SignedSorted),
    ] {
        for scheme in [
            Scheme::banata(),
            Scheme::github(),
            Scheme::standard_webhooks(),
        ] {
            let headers = signed(&scheme, TEXT, signed_body);
            let found = causes(&scheme, TEXT, &headers, body);
            assert_eq!(found, [Diagnosis::Body(change)]);
        }
    }
}

#[test]
fn the_unit_and_the_clocks_are_told_apart() {
    let headers = signed(&Scheme::banata(), TEXT, BODY);
    let at = |seconds: u64| {
        let now = UnixTime::from_secs(seconds).to_millis();
        diagnose(&Scheme::banata(), &[secret(TEXT)], &headers, BODY, now)
    };
    let skew = |seconds: i64| [skew(seconds * 1000, 300)];
    assert_eq!(at(NOW.as_secs() + 300), [Diagnosis::Accepted { secret: 0 }]);
    assert_eq!(at(NOW.as_secs() + 301), skew(-301));
    assert_eq!(at(NOW.as_secs() - 3600), skew(3600));
    assert_eq!(at(0), [Diagnosis::ClockNotSet]);
    for (sender, unit) in [
        (TimeUnit::Milliseconds, TimeUnit::Seconds),
        (TimeUnit::Seconds, TimeUnit::Milliseconds),
    ] {
        let with = |unit| Scheme {
            unit,
            ..Scheme::banata()
        };
        let headers = signed(&with(sender), TEXT, BODY);
        let found = causes(&with(unit), TEXT, &headers, BODY);
        assert_eq!(found, [Diagnosis::Unit { used: sender }]);
    }
}

#[test]
fn another_scheme_is_named_for_each_preset_that_is_told_by_its_headers() {
    for preset in Scheme::presets().take(10) {
        let other = if preset == Scheme::banata() {
            Scheme::stripe()
        } else {
            Scheme::banata()
        };
        let headers = signed(&preset, TEXT, BODY);
        let found = causes(&other, TEXT, &headers, BODY);
        // Clerk's requests are also Svix's.
        let name = if preset == Scheme::clerk() {
            "svix"
        } else {
            preset.name()
        };
        assert_eq!(found, [Diagnosis::Scheme { name }], "{}", preset.name());
    }
}

#[test]
fn two_causes_at_once_are_both_named() {
    let headers = signed(&Scheme::github(), &TEXT[6..], b"{ }");
    let found = causes(&Scheme::github(), TEXT, &headers, b"{}");
    assert_eq!(found, [Diagnosis::Unexplained]);
    let headers = signed(&Scheme::github(), &TEXT[6..], BODY);
    let now = UnixTime::from_secs(NOW.as_secs() + 400);
    let body = [BODY, b"\n"].concat();
    let used = SecretForm::WithoutPrefix;
    let expected = [
        Diagnosis::KeyForm { secret: 0, used },
        Diagnosis::Body(BodyChange::LineEndAdded),
    ];
    let found = diagnose(
        &Scheme::github(),
        &[secret(TEXT)],
        &headers,
        &body,
        now.into(),
    );
    assert_eq!(found, expected);
    let headers = signed(&Scheme::svix(), TEXT, BODY);
    let found = diagnose(
        &Scheme::stripe(),
        &[secret(TEXT)],
        &headers,
        BODY,
        now.into(),
    );
    let expected = [Diagnosis::Scheme { name: "svix" }, skew(-400_000, 300)];
    assert_eq!(found, expected);
}

#[test]
fn headers_that_make_no_sense_anywhere_are_named() {
    let mut headers = signed(&Scheme::banata(), TEXT, BODY);
    let name = http::HeaderName::from_static("webhook-signature");
    headers.append(&name, HeaderValue::from_static("x"));
    let found = causes(&Scheme::banata(), TEXT, &headers, BODY);
    let header = name.clone();
    assert_eq!(
        found,
        [Diagnosis::Headers(VerifyError::Repeated { header })]
    );
    let found = causes(&Scheme::banata(), TEXT, &HeaderMap::new(), BODY);
    let header = name;
    assert_eq!(found, [Diagnosis::Headers(VerifyError::Missing { header })]);
}

#[test]
fn a_verifier_tells_its_own_tolerance_clock_and_ended_secrets() {
    let headers = signed(&Scheme::banata(), TEXT, BODY);
    let clock = ManualClock::at(NOW);
    let verifier = Verifier::builder(Scheme::banata())
        .secret_until(TEXT, UnixTime::from_secs(NOW.as_secs() + 10))
        .and_then(|builder| builder.secret(OTHER))
        .unwrap()
        .tolerance(Duration::from_secs(60))
        .clock(clock.clone())
        .build()
        .unwrap();
    let found = verifier.diagnose(&headers, BODY);
    assert_eq!(found, [Diagnosis::Accepted { secret: 0 }]);
    clock.advance(Duration::from_secs(10));
    let ended = || Diagnosis::SecretEnded { secret: 0 };
    assert_eq!(verifier.diagnose(&headers, BODY), [ended()]);
    clock.advance(Duration::from_secs(51));
    let found = verifier.diagnose(&headers, BODY);
    assert_eq!(found, [skew(-61_000, 60), ended()]);
}

#[test]
fn a_foreign_secret_and_a_huge_body_stay_unexplained_and_end() {
    let headers = signed(&Scheme::banata(), OTHER, BODY);
    let found = causes(&Scheme::banata(), TEXT, &headers, BODY);
    assert_eq!(found, [Diagnosis::Unexplained]);
    let huge = vec![b'['; 4 * 1024 * 1024];
    let found = causes(&Scheme::banata(), TEXT, &headers, &huge);
    assert_eq!(found, [Diagnosis::Unexplained]);
}

/// Headers of every preset, signed with a secret that the receiver does not have.
fn of_every_preset(body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for scheme in Scheme::presets() {
        if scheme.algorithm.key_form().is_some() {
            headers.extend(signed(&scheme, OTHER, body));
        }
    }
    headers
}

#[test]
fn a_request_made_to_cost_much_stays_within_the_budget() {
    let half = 512 * 1024;
    let body = [b"[".repeat(half), b"]".repeat(half)].concat();
    let (headers, secrets) = (of_every_preset(&body), [DatedSecret::from(secret(TEXT))]);
    let scheme = Scheme::github();
    let case = Case {
        scheme: &scheme,
        secrets: &secrets,
        headers: &headers,
        body: &body,
        now: NOW.into(),
        tolerance: scheme.tolerance,
    };
    // An eighth of it, for the time of a debug build; none of it is left.
    let budget = Budget::of(Budget::WHOLE / 8);
    assert_eq!(case.diagnose_within(&budget), [Diagnosis::Unexplained]);
    assert_eq!(budget.left(), 0);
}

#[test]
fn a_long_body_that_was_written_anew_or_signed_by_another_preset_is_explained() {
    let compact = format!("[{}\"\"]", "\"0123456789abcdef\",".repeat(48 * 1024));
    let spaced = compact.replace(',', ", ");
    for signer in [Scheme::banata(), Scheme::github()] {
        let headers = signed(&signer, TEXT, compact.as_bytes());
        let found = causes(&signer, TEXT, &headers, spaced.as_bytes());
        assert_eq!(found, [Diagnosis::Body(BodyChange::SignedCompact)]);
        let found = causes(&Scheme::shopify(), TEXT, &headers, compact.as_bytes());
        let name = signer.name;
        assert_eq!(found, [Diagnosis::Scheme { name }]);
    }
}

proptest! {
    #[test]
    fn accepted_is_said_exactly_where_the_verifier_accepts(
        preset in 0usize..10,
        own in any::<bool>(),
        late in 0u64..700,
        body in "[{}a\\n ]{0,6}",
        changed in any::<bool>(),
    ) {
        let scheme = Scheme::presets().nth(preset).unwrap();
        let headers = signed(&scheme, if own { TEXT } else { OTHER }, body.as_bytes());
        let received = if changed { format!("{body}!") } else { body };
        let now = UnixTime::from_secs(NOW.as_secs() + late);
        let verifier = Verifier::builder(scheme).secret(TEXT).unwrap();
        let verifier = verifier.clock(ManualClock::at(now)).build().unwrap();
        let accepted = verifier.verify(&headers, received.as_bytes()).is_ok();
        let found = verifier.diagnose(&headers, received.as_bytes());
        prop_assert!(!found.is_empty());
        let said = found == [Diagnosis::Accepted { secret: 0 }];
        prop_assert_eq!(said, accepted);
        for cause in &found {
            let sentence = format!("{cause} {cause:?}");
            prop_assert!(!sentence.contains(&TEXT[6..]), "{}", sentence);
        }
    }

    #[test]
    fn what_the_fuzz_target_asserts_holds(
        preset in any::<usize>(),
        body in "[{}a\n\r\" :,]{0,12}",
    ) {
        crate::fuzzing::diagnosis_is_true(preset, body.as_bytes(), &HeaderMap::new());
    }
}
