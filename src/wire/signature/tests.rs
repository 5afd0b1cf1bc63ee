use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::base::clock::{UnixMillis, UnixTime};
use crate::base::id::MessageId;
use crate::base::secret::{Secret, SecretError};
use crate::testing::ManualClock;
use crate::wire::problem::ProblemKind;
use crate::wire::scheme::{
    ContentError, IdSource, KeyForm, Parsed, Scheme, SchemeBuilder, SchemeError, SignatureEncoding,
    TimeUnit,
};

const NOW: u64 = 1_750_000_000;
const BODY: &[u8] = br#"{"event":"user.created"}"#;
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const OTHER: &str = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

/// All with a shared key.
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

/// Those whose header has room for one signature.
const SINGLE: [&str; 3] = ["github", "slack", "shopify"];

/// Those whose readers take one signature.
const ONCE: [&str; 4] = ["workos", "github", "slack", "shopify"];

fn verifier_at(scheme: Scheme, millis: u64) -> Verifier {
    Verifier::builder(scheme)
        .secret(SECRET)
        .unwrap()
        .clock(ManualClock::at(UnixMillis::from_millis(millis)))
        .build()
        .unwrap()
}

fn verifier(scheme: Scheme) -> Verifier {
    verifier_at(scheme, NOW * 1000)
}

fn signed_with(scheme: Scheme, secrets: &[&str], at: u64, body: &[u8]) -> HeaderMap {
    let signer = Signer::new(scheme, secrets.iter().copied()).unwrap();
    let id = MessageId::new("msg_1").unwrap();
    let mut headers = HeaderMap::new();
    signer
        .sign_at(&id, UnixTime::from_secs(at), body)
        .apply(&mut headers);
    headers
}

fn signed(scheme: Scheme) -> HeaderMap {
    signed_with(scheme, &[SECRET], NOW, BODY)
}

/// The hex of the signature that `signed(Scheme::banata())` carries.
fn banata_mac() -> String {
    let headers = signed(Scheme::banata());
    let value = headers["webhook-signature"].to_str().unwrap();
    value.split_once("v1=").unwrap().1.to_owned()
}

fn status(scheme: Scheme, headers: &HeaderMap) -> u16 {
    match verifier(scheme).verify(headers, BODY) {
        Ok(_) => 200,
        Err(error) => error.kind().status().as_u16(),
    }
}

fn banata_status(value: impl AsRef<[u8]>) -> u16 {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
    headers.insert("webhook-signature", value);
    status(Scheme::banata(), &headers)
}

#[test]
fn what_is_signed_verifies_in_every_scheme_and_tells_key_time_and_id() {
    for scheme in SCHEMES.map(|preset| preset()) {
        let headers = signed(scheme.clone());
        let verifier = verifier(scheme);
        let signed = verifier.check_headers(&headers).unwrap();
        let scheme = verifier.scheme();
        assert_eq!(signed.id(), scheme.family.id.map(|_| "msg_1"));
        let verified = verifier.check_body(&signed, BODY).unwrap();
        assert_eq!(verified.key_index(), 0);
        let sent_at = scheme
            .has_time()
            .then_some(UnixMillis::from_millis(NOW * 1000));
        assert_eq!(verified.sent_at(), sent_at);
        assert_eq!(signed.sent_at(), sent_at);
    }
}

#[test]
fn the_known_answer_of_the_standard_webhooks_test_suites_is_made() {
    let signer = Signer::new(
        Scheme::standard_webhooks(),
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    .unwrap();
    let id = MessageId::new("msg_p5jXN8AQM9LWM0D4loKWxJek").unwrap();
    let mut headers = HeaderMap::new();
    signer
        .sign_at(
            &id,
            UnixTime::from_secs(1_614_265_330),
            br#"{"test": 2432232314}"#,
        )
        .apply(&mut headers);
    assert_eq!(
        headers["webhook-signature"],
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
    assert_eq!(headers["webhook-timestamp"], "1614265330");
    assert_eq!(headers["webhook-id"], "msg_p5jXN8AQM9LWM0D4loKWxJek");
}

#[test]
fn a_truncated_empty_or_overlong_signature_is_401() {
    let good = banata_mac();
    let upper = good.to_uppercase();
    for bad in ["", "ab", &good[..63], &format!("{good}0"), &upper] {
        assert_eq!(banata_status(format!("t={NOW},v1={bad}")), 401, "{bad}");
    }
    assert_eq!(banata_status(format!("t={NOW},v1={good}")), 200);
}

#[test]
fn a_right_signature_under_another_version_is_401() {
    let good = banata_mac();
    for version in ["v0", "v2", "V1", "v1a", "v", ""] {
        assert_eq!(
            banata_status(format!("t={NOW},{version}={good}")),
            401,
            "{version}"
        );
    }
    let error = Verifier::new(Scheme::banata(), [SECRET])
        .unwrap()
        .verify(&HeaderMap::new(), BODY)
        .unwrap_err();
    assert_eq!(error.kind(), ProblemKind::SIGNATURE_MISSING);
}

#[test]
fn a_doubled_header_line_is_400_wherever_the_good_one_stands() {
    for scheme in SCHEMES.map(|preset| preset()) {
        let good = signed(scheme.clone());
        for name in good.keys() {
            for (first, second) in [("x", None), ("good", Some("x"))] {
                let mut headers = good.clone();
                let kept = headers.remove(name).unwrap();
                match second {
                    None => {
                        headers.append(name, HeaderValue::from_static(first));
                        headers.append(name, kept);
                    }
                    Some(last) => {
                        headers.append(name, kept);
                        headers.append(name, HeaderValue::from_static(last));
                    }
                }
                assert_eq!(status(scheme.clone(), &headers), 400, "{name}");
            }
        }
    }
}

#[test]
fn the_signature_header_has_exactly_one_time() {
    let good = banata_mac();
    for times in [
        format!("t={NOW},t={NOW},"),
        format!("t=1,t={NOW},"),
        format!("t={NOW},t=1,"),
        String::new(),
    ] {
        assert_eq!(banata_status(format!("{times}v1={good}")), 400, "{times}");
    }
}

#[test]
fn eight_signatures_are_tried_and_nine_are_400() {
    let good = banata_mac();
    let foreign = format!("v1={},", "0".repeat(64));
    let eighth = format!("t={NOW},{}v1={good}", foreign.repeat(7));
    assert_eq!(banata_status(eighth), 200);
    let ninth = format!("t={NOW},{}v1={good}", foreign.repeat(8));
    assert_eq!(banata_status(ninth), 400);
    let garbage = format!("t={NOW},{}v1={good}", "v1=,".repeat(8));
    assert_eq!(banata_status(garbage), 400);
}

#[test]
fn a_header_beyond_1_kib_is_400_before_it_is_split() {
    assert_eq!(banata_status(",".repeat(64 * 1024)), 400);
    let good = format!("t={NOW},v1={}", banata_mac());
    assert_eq!(banata_status(format!("{good:,<1024}")), 200);
    assert_eq!(banata_status(format!("{good:,<1025}")), 400);
}

#[test]
fn a_timestamp_that_is_not_plain_digits_is_400() {
    let good = banata_mac();
    for time in [
        format!("+{NOW}"),
        format!("0{NOW}"),
        format!(" {NOW}"),
        format!("{NOW}.0"),
        format!("-{NOW}"),
        "1e9".into(),
        "١٧٥٠٠٠٠٠٠٠".into(),
        String::new(),
        "-9223372036854775808".into(),
        "9223372036854775807".into(),
        "18446744073709551616".into(),
        "9".repeat(400),
    ] {
        assert_eq!(banata_status(format!("t={time},v1={good}")), 400, "{time}");
    }
}

#[test]
fn an_empty_timestamp_header_is_missing_and_a_malformed_one_is_400() {
    let mut headers = signed(Scheme::standard_webhooks());
    for (value, expected) in [("", 401), ("0x10", 400), ("01", 400), ("1 1", 400)] {
        headers.insert("webhook-timestamp", HeaderValue::from_static(value));
        assert_eq!(status(Scheme::standard_webhooks(), &headers), expected);
    }
}

#[test]
fn times_are_accepted_up_to_the_tolerance_on_both_sides() {
    for scheme in SCHEMES.map(|preset| preset()) {
        let edge = i64::try_from(scheme.tolerance.as_secs()).unwrap();
        for (offset, within) in [
            (-edge - 1, false),
            (-edge, true),
            (1 - edge, true),
            (0, true),
            (edge, true),
            (edge + 1, false),
        ] {
            let at = NOW.checked_add_signed(offset).unwrap();
            let headers = signed_with(scheme.clone(), &[SECRET], at, BODY);
            // Of a time in seconds the fraction says nothing.
            let fraction = if scheme.unit == TimeUnit::Seconds {
                999
            } else {
                0
            };
            let verdict = verifier_at(scheme.clone(), NOW * 1000 + fraction).verify(&headers, BODY);
            let accepted = within || !scheme.has_time();
            assert_eq!(verdict.is_ok(), accepted, "offset {offset} s");
            if let Err(error) = verdict {
                assert_eq!(error.kind(), ProblemKind::TIMESTAMP_STALE);
            }
        }
    }
}

#[test]
fn milliseconds_are_not_taken_for_seconds() {
    let headers = signed_with(Scheme::banata(), &[SECRET], NOW * 1000, BODY);
    assert!(matches!(
        verifier(Scheme::banata()).verify(&headers, BODY),
        Err(VerifyError::TooNew { .. })
    ));
}

#[test]
fn a_clock_that_was_never_set_is_our_fault() {
    let headers = signed_with(Scheme::banata(), &[SECRET], 0, BODY);
    let error = verifier_at(Scheme::banata(), 0).verify(&headers, BODY);
    assert_eq!(error, Err(VerifyError::ClockNotSet));
    assert_eq!(VerifyError::ClockNotSet.kind(), ProblemKind::INTERNAL);
}

#[test]
fn the_timestamp_header_must_repeat_the_signed_time_if_it_is_there() {
    let mut headers = signed(Scheme::banata());
    headers.remove("webhook-timestamp");
    assert_eq!(status(Scheme::banata(), &headers), 200);
    for other in [(NOW + 1).to_string(), format!("0{NOW}"), String::new()] {
        headers.insert("webhook-timestamp", other.parse().unwrap());
        assert_eq!(status(Scheme::banata(), &headers), 400, "{other:?}");
    }
}

#[test]
fn white_space_around_a_value_is_ignored_and_inside_it_is_400() {
    let good = banata_mac();
    assert_eq!(banata_status(format!(" \tt={NOW},v1={good} ")), 200);
    for value in [
        format!("t={NOW}, v1={good}"),
        format!("t={NOW},v1= {good}"),
        format!("t={NOW}\t,v1={good}"),
        format!("t={NOW},v1={good},\u{e9}"),
    ] {
        assert_eq!(banata_status(&value), 400, "{value}");
    }
}

#[test]
fn a_body_that_is_not_utf_8_verifies() {
    for scheme in SCHEMES.map(|preset| preset()) {
        let headers = signed_with(scheme.clone(), &[SECRET], NOW, b"\xff\xfe");
        assert!(verifier(scheme).verify(&headers, b"\xff\xfe").is_ok());
    }
}

#[test]
fn ids_are_judged_by_whether_they_are_signed() {
    for (id, signed_id, unsigned_id) in [
        ("msg_2", 401, 200),
        ("", 401, 400),
        ("a.b", 400, 200),
        ("a b", 400, 400),
        (&"a".repeat(257), 400, 400),
    ] {
        let mut headers = signed(Scheme::standard_webhooks());
        headers.insert("webhook-id", id.parse().unwrap());
        assert_eq!(
            status(Scheme::standard_webhooks(), &headers),
            signed_id,
            "{id}"
        );
        let mut headers = signed(Scheme::banata());
        headers.insert("webhook-id", id.parse().unwrap());
        assert_eq!(status(Scheme::banata(), &headers), unsigned_id, "{id}");
    }
    let mut headers = signed(Scheme::banata());
    headers.remove("webhook-id");
    let verifier = verifier(Scheme::banata());
    assert_eq!(verifier.check_headers(&headers).unwrap().id(), None);
}

#[test]
fn the_sdk_s_older_header_is_read_where_the_newer_one_is_missing() {
    let mut headers = signed(Scheme::banata_sdk());
    let value = headers.remove("banata-webhook-signature").unwrap();
    headers.insert("x-banataauth-signature", value);
    assert_eq!(status(Scheme::banata_sdk(), &headers), 200);
    headers.insert("banata-webhook-signature", HeaderValue::from_static("t=1"));
    assert_eq!(status(Scheme::banata_sdk(), &headers), 401);
}

#[test]
fn during_a_rotation_old_new_and_both_verify_and_the_first_matching_secret_is_named() {
    for scheme in SCHEMES.map(|preset| preset()) {
        let verifier = Verifier::builder(scheme.clone())
            .secret(SECRET)
            .and_then(|builder| builder.secret(OTHER))
            .unwrap()
            .clock(ManualClock::at(UnixTime::from_secs(NOW)))
            .build()
            .unwrap();
        for (secrets, key) in [(&[SECRET][..], 0), (&[OTHER], 1), (&[OTHER, SECRET], 0)] {
            let headers = signed_with(scheme.clone(), secrets, NOW, BODY);
            assert_eq!(verifier.verify(&headers, BODY).unwrap().key_index(), key);
        }
    }
    let headers = signed_with(Scheme::banata(), &[OTHER], NOW, BODY);
    let error = verifier(Scheme::banata()).verify(&headers, BODY);
    assert_eq!(error, Err(VerifyError::Mismatch));
}

#[test]
fn of_a_new_and_an_old_secret_both_sign_or_the_old_one_where_readers_take_one_signature() {
    for scheme in SCHEMES.map(|preset| preset()) {
        let headers = signed_with(scheme.clone(), &[OTHER, SECRET], NOW, BODY);
        let name = scheme.family.signature;
        let value = headers[name].to_str().unwrap();
        let signatures = |text: &str| {
            let headers = signed_with(scheme.clone(), &[text], NOW, BODY);
            let value = headers[name].to_str().unwrap();
            let parsed = scheme.grammar.parse(value).unwrap();
            parsed.signatures()[0].to_owned()
        };
        let expected = if ONCE.contains(&scheme.name()) {
            vec![signatures(SECRET)]
        } else {
            vec![signatures(SECRET), signatures(OTHER)]
        };
        let parsed = scheme.grammar.parse(value).unwrap();
        assert_eq!(parsed.signatures(), expected, "{}", scheme.name());
    }
}

#[test]
fn a_custom_scheme_signs_once_if_its_readers_take_one_signature() {
    let fields = Scheme::custom("fields", "x-sig")
        .fields("v1", TimeUnit::Seconds)
        .content("{t}.{body}");
    for (scheme, signatures) in [(fields, 3), (fields.signs_once(), 1)] {
        let scheme = scheme.build().unwrap();
        let headers = signed_with(scheme, &[SECRET, OTHER, SECRET], NOW, BODY);
        let value = headers["x-sig"].to_str().unwrap();
        assert_eq!(value.matches("v1=").count(), signatures, "{value}");
    }
}

#[test]
fn weak_empty_and_mangled_secrets_are_refused_where_they_are_configured() {
    let refusal = |scheme: Scheme, secret: &str| Verifier::new(scheme, [secret]).unwrap_err();
    for scheme in SCHEMES.map(|preset| preset()) {
        for secret in ["", "abc\n", " "] {
            assert!(matches!(
                refusal(scheme.clone(), secret),
                WebhookConfigError::Secret { index: 0, .. }
            ));
        }
    }
    let length = |actual| WebhookConfigError::KeyLength { index: 0, actual };
    assert_eq!(refusal(Scheme::banata(), "whsec_"), length(0));
    assert_eq!(
        refusal(Scheme::banata(), "whsec_0123456789abcdefghijklm"),
        length(23)
    );
    assert_eq!(
        refusal(Scheme::banata(), &format!("{:a<513}", "b")),
        length(513)
    );
    let standard = Scheme::standard_webhooks;
    assert_eq!(refusal(standard(), "whsec_AAEC"), length(3));
    for secret in [
        "WHSEC_AAEC",
        "whpk_AAEC",
        "whsk_AAEC",
        "whsec_AAE",
        "whsec_AA-_",
    ] {
        assert_eq!(
            refusal(standard(), secret),
            WebhookConfigError::NotBase64 { index: 0 }
        );
    }
    assert_eq!(
        Verifier::new(Scheme::banata(), [""; 0]).unwrap_err(),
        WebhookConfigError::NoSecret
    );
    assert_eq!(
        Signer::new(Scheme::banata(), [SECRET; 9]).unwrap_err(),
        WebhookConfigError::TooManySecrets
    );
}

#[test]
fn a_short_key_needs_the_dangerous_setter_and_an_empty_one_never_passes() {
    let build = |secret: &str| {
        Verifier::builder(Scheme::banata())
            .secret(secret)
            .unwrap()
            .dangerous_allow_short_secret()
            .clock(ManualClock::at(UnixTime::from_secs(NOW)))
            .build()
    };
    let sign = |secret: &str| {
        Signer::builder(Scheme::banata())
            .secret(secret)
            .unwrap()
            .dangerous_allow_short_secret()
            .build()
    };
    let id = MessageId::new("msg_1").unwrap();
    let now = UnixTime::from_secs(NOW);
    let mut headers = HeaderMap::new();
    let signer = sign("whsec_ab").unwrap();
    signer.sign_at(&id, now, BODY).apply(&mut headers);
    let verifier = build("whsec_ab").unwrap();
    assert!(verifier.verify(&headers, BODY).is_ok());
    let empty = WebhookConfigError::KeyLength {
        index: 0,
        actual: 0,
    };
    assert_eq!(build("whsec_").unwrap_err(), empty);
    assert_eq!(sign("whsec_").unwrap_err(), empty);
    let short = WebhookConfigError::KeyLength {
        index: 0,
        actual: 2,
    };
    let refused = Signer::builder(Scheme::banata())
        .secret("ab")
        .unwrap()
        .build();
    assert_eq!(refused.unwrap_err(), short);
}

#[test]
fn the_wrong_secret_is_named_by_its_place() {
    let error = Verifier::new(Scheme::banata(), [SECRET, "short"]).unwrap_err();
    assert_eq!(
        error,
        WebhookConfigError::KeyLength {
            index: 1,
            actual: 5
        }
    );
    let error = Verifier::new(Scheme::banata(), [SECRET, ""]).unwrap_err();
    let source = SecretError::Empty;
    assert_eq!(error, WebhookConfigError::Secret { index: 1, source });
}

#[test]
fn a_tolerance_is_whole_seconds_between_one_second_and_one_hour() {
    let build = |tolerance| {
        Verifier::builder(Scheme::banata())
            .secret(SECRET)
            .unwrap()
            .tolerance(tolerance)
            .build()
    };
    for (millis, legal) in [
        (0, false),
        (999, false),
        (1_000, true),
        (3_600_999, true),
        (3_601_000, false),
    ] {
        let built = build(Duration::from_millis(millis));
        assert_eq!(built.is_ok(), legal, "{millis} ms");
    }
}

#[test]
fn standard_webhooks_secrets_come_with_prefix_without_it_and_as_supabase_shows_them() {
    let headers = signed(Scheme::standard_webhooks());
    let versioned = format!("v1,{SECRET}");
    for secret in [SECRET, &SECRET[6..], &versioned] {
        let verifier = Verifier::builder(Scheme::standard_webhooks())
            .secret(secret)
            .unwrap()
            .clock(ManualClock::at(UnixTime::from_secs(NOW)))
            .build()
            .unwrap();
        assert!(verifier.verify(&headers, BODY).is_ok());
    }
    assert!(Verifier::new(Scheme::svix(), [versioned]).is_err());
}

#[test]
fn a_generated_secret_serves_every_scheme() {
    let secret = Secret::generate();
    assert_eq!(secret.expose().len(), 50);
    for scheme in SCHEMES.map(|preset| preset()) {
        assert!(Verifier::new(scheme, [secret.clone()]).is_ok());
    }
}

#[test]
fn nothing_that_is_printed_shows_a_key_or_a_signature() {
    let scheme = Scheme::banata;
    let builder = Verifier::builder(scheme()).secret(SECRET).unwrap();
    let signer = Signer::new(scheme(), [SECRET]).unwrap();
    let id = MessageId::new("msg_1").unwrap();
    let headers = signer.sign_at(&id, UnixTime::from_secs(NOW), BODY);
    let refusal = Verifier::new(scheme(), ["whsec_shortkey"]).unwrap_err();
    let request = signed(scheme());
    let verifier = verifier(scheme());
    let checked = verifier.check_headers(&request).unwrap();
    for printed in [
        format!("{builder:?}"),
        format!("{:?}", builder.build().unwrap()),
        format!("{signer:?}"),
        format!("{headers:?}"),
        format!("{checked:?}"),
        format!("{refusal:?} {refusal}"),
    ] {
        for hidden in [&SECRET[6..30], "shortkey", &banata_mac()] {
            assert!(!printed.contains(hidden), "{printed}");
        }
    }
}

#[test]
fn a_secret_is_tried_until_its_end_and_keeps_its_place() {
    let clock = ManualClock::at(UnixMillis::from_millis(NOW * 1000));
    let end = UnixMillis::from_millis(NOW * 1000 + 10);
    for scheme in SCHEMES.map(|preset| preset()) {
        clock.set(UnixMillis::from_millis(NOW * 1000));
        let verifier = Verifier::builder(scheme.clone())
            .secret_until(OTHER, end)
            .and_then(|builder| builder.secret(SECRET))
            .unwrap()
            .clock(clock.clone())
            .build()
            .unwrap();
        let old = signed_with(scheme.clone(), &[OTHER], NOW, BODY);
        let new = signed_with(scheme, &[SECRET], NOW, BODY);
        clock.advance(Duration::from_millis(9));
        assert_eq!(verifier.verify(&old, BODY).unwrap().key_index(), 0);
        clock.advance(Duration::from_millis(1));
        assert_eq!(verifier.verify(&old, BODY), Err(VerifyError::Mismatch));
        assert_eq!(verifier.verify(&new, BODY).unwrap().key_index(), 1);
    }
}

#[test]
fn without_a_clock_no_secret_s_end_is_judged() {
    let build = |builder: VerifierBuilder| {
        let clock = ManualClock::at(UnixMillis::EPOCH);
        builder.clock(clock).build().unwrap()
    };
    let headers = signed(Scheme::github());
    let endless = Verifier::builder(Scheme::github()).secret(SECRET).unwrap();
    assert!(build(endless).verify(&headers, BODY).is_ok());
    let end = UnixMillis::from_millis(NOW * 1000);
    let ending = Verifier::builder(Scheme::github()).secret_until(SECRET, end);
    let verdict = build(ending.unwrap()).verify(&headers, BODY);
    assert_eq!(verdict, Err(VerifyError::ClockNotSet));
}

#[test]
fn a_scheme_without_time_accepts_at_any_time_and_takes_any_tolerance() {
    for scheme in [Scheme::github(), Scheme::shopify()] {
        assert!(!scheme.has_time());
        let verifier = Verifier::builder(scheme.clone())
            .secret(SECRET)
            .unwrap()
            .tolerance(Duration::ZERO)
            .clock(ManualClock::at(UnixTime::from_secs(4_000_000_000)))
            .build()
            .unwrap();
        let verified = verifier.verify(&signed(scheme), BODY).unwrap();
        assert_eq!(verified.sent_at(), None);
    }
}

#[test]
fn workos_counts_in_milliseconds_and_writes_one_space_behind_the_comma() {
    let headers = signed(Scheme::workos());
    let value = headers["workos-signature"].to_str().unwrap();
    let (time, signature) = value.split_once(", ").unwrap();
    assert_eq!(time, format!("t={NOW}000"));
    for value in [
        format!("{time},{signature}"),
        format!("{time},  {signature}"),
        format!("{time} , {signature}"),
        format!("{time}, {signature} x"),
    ] {
        let mut headers = headers.clone();
        headers.insert("workos-signature", value.parse().unwrap());
        assert_eq!(status(Scheme::workos(), &headers), 400, "{value}");
    }
    for (late, expected) in [(180_000, 200), (180_001, 401)] {
        let verifier = verifier_at(Scheme::workos(), NOW * 1000 + late);
        let verdict = verifier.verify(&headers, BODY);
        assert_eq!(verdict.is_ok(), expected == 200, "{late} ms");
    }
}

/// `X-Acme-Signature: sig=<base64>` over `<t>|<id>|<body>`, in milliseconds, with a hex key.
fn acme() -> SchemeBuilder {
    Scheme::custom("acme", "X-Acme-Signature")
        .prefix("sig=")
        .encoding(SignatureEncoding::Base64)
        .timestamp_header("X-Acme-Time", TimeUnit::Milliseconds)
        .id_header("X-Acme-Id")
        .content("{t}|{id}|{body}")
        .key(KeyForm::Hex)
        .tolerance(Duration::from_secs(60))
}

const HEX_SECRET: &str = "000102030405060708090a0b0c0d0e0f1011121314151617";

#[test]
fn a_custom_scheme_signs_what_its_template_says() {
    let scheme = acme().build().unwrap();
    assert_eq!(scheme.id_source(), IdSource::SignedHeader);
    let mut headers = signed_with(scheme.clone(), &[HEX_SECRET], NOW, BODY);
    assert_eq!(headers["x-acme-time"], format!("{NOW}000"));
    // printf '1750000000000|msg_1|{"event":"user.created"}' | openssl dgst -sha256 -mac HMAC
    //   -macopt hexkey:0001…17 -binary | base64
    assert_eq!(
        headers["x-acme-signature"],
        "sig=RUDy5QhQkL0/VpAGBTy77Fd6FZZQFFndkMTxjiV+p+c="
    );
    let verifier = Verifier::builder(scheme)
        .secret(HEX_SECRET)
        .unwrap()
        .clock(ManualClock::at(UnixMillis::from_millis(
            NOW * 1000 + 60_000,
        )))
        .build()
        .unwrap();
    assert!(verifier.verify(&headers, BODY).is_ok());
    headers.insert("x-acme-id", HeaderValue::from_static("a|b"));
    let bad = verifier.verify(&headers, BODY).unwrap_err();
    assert!(matches!(bad, VerifyError::BadId { .. }));
}

#[test]
fn a_custom_scheme_may_have_lists_and_hex_in_either_case() {
    let scheme = Scheme::custom("fields", "X-Sig")
        .fields("s", TimeUnit::Seconds)
        .content("{t}.{body}")
        .encoding(SignatureEncoding::AnyHex)
        .id_in_body("/meta/id")
        .build()
        .unwrap();
    assert_eq!(scheme.id_source(), IdSource::SignedBody("/meta/id"));
    let mut headers = signed_with(scheme.clone(), &[OTHER, SECRET], NOW, BODY);
    assert_eq!(status(scheme.clone(), &headers), 200);
    let value = headers["x-sig"].to_str().unwrap().to_owned();
    let (start, last) = value.rsplit_once('=').unwrap();
    let upper = format!("{start}={}", last.to_uppercase());
    headers.insert("x-sig", upper.parse().unwrap());
    let verifier = Verifier::builder(scheme)
        .secret(OTHER)
        .unwrap()
        .clock(ManualClock::at(UnixTime::from_secs(NOW)))
        .build()
        .unwrap();
    assert!(verifier.verify(&headers, BODY).is_ok());

    let list = Scheme::custom("list", "X-Sig").list("v7").build().unwrap();
    let headers = signed_with(list.clone(), &[OTHER, SECRET], NOW, BODY);
    assert_eq!(status(list, &headers), 200);
}

#[test]
fn contradictions_in_a_custom_scheme_are_found_when_it_is_made() {
    let custom = |name| Scheme::custom(name, "x-sig");
    let plain = custom("plain");
    for (builder, error) in [
        (custom(""), SchemeError::Name),
        (custom("a b"), SchemeError::Name),
        (custom("stripe"), SchemeError::Name),
        (
            Scheme::custom("a", "x sig"),
            SchemeError::Header { name: "x sig" },
        ),
        (
            plain.id_header("X-Sig"),
            SchemeError::Header { name: "X-Sig" },
        ),
        (plain.prefix("a b"), SchemeError::Prefix { text: "a b" }),
        (plain.list("a,b"), SchemeError::Prefix { text: "a,b" }),
        (plain.list(""), SchemeError::Prefix { text: "" }),
        (
            plain.fields("t", TimeUnit::Seconds).content("{t}.{body}"),
            SchemeError::Prefix { text: "t" },
        ),
        (
            plain.content("{x}"),
            SchemeError::Content(ContentError::Brace),
        ),
        (plain.content("{t}.{body}"), SchemeError::Time),
        (plain.fields("v1", TimeUnit::Seconds), SchemeError::Time),
        (
            plain.timestamp_header("x-time", TimeUnit::Seconds),
            SchemeError::Time,
        ),
        (plain.content("{id}.{body}"), SchemeError::Id),
        (acme().id_in_body("/id"), SchemeError::Id),
        (plain.id_in_body("id"), SchemeError::Pointer),
        (plain.id_in_body("/events/0/id"), SchemeError::Pointer),
        (plain.id_in_body("/a~1b"), SchemeError::Pointer),
        (plain.id_in_body("/"), SchemeError::Pointer),
        (plain.tolerance(Duration::ZERO), SchemeError::Tolerance),
    ] {
        assert_eq!(builder.build(), Err(error), "{builder:?}");
    }
    let scheme = acme().build().unwrap();
    let refusal = |secret| Verifier::new(acme().build().unwrap(), [secret]).unwrap_err();
    assert_eq!(refusal("xyz"), WebhookConfigError::NotHex { index: 0 });
    let length = WebhookConfigError::KeyLength {
        index: 0,
        actual: 1,
    };
    assert_eq!(refusal("0f"), length);
    assert_eq!(scheme.name(), "acme");
}

fn decoded(parsed: &Parsed<'_>, encoding: SignatureEncoding) -> Vec<[u8; 32]> {
    let texts = parsed.signatures().iter();
    texts.filter_map(|text| encoding.decode(text)).collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        macs in prop::collection::vec(any::<[u8; 32]>(), 1..=8),
        time in 0u64..1_000_000_000_000_000,
    ) {
        for scheme in SCHEMES.map(|preset| preset()) {
            let time = time.to_string();
            let texts: Vec<_> = macs.iter().map(|mac| scheme.encoding.encode(mac)).collect();
            let value = scheme.grammar.write(&time, &texts);
            let parsed = scheme.grammar.parse(&value).unwrap();
            prop_assert_eq!(parsed.time.is_some(), scheme.grammar.has_time());
            prop_assert!(parsed.time.is_none_or(|parsed| parsed == time));
            let room = if SINGLE.contains(&scheme.name()) { 1 } else { macs.len() };
            prop_assert_eq!(&decoded(&parsed, scheme.encoding)[..], &macs[..room]);
        }
    }

    #[test]
    fn any_changed_byte_of_the_body_is_refused(
        body in prop::collection::vec(any::<u8>(), 1..2048),
        place in any::<prop::sample::Index>(),
        flip in 1u8..,
    ) {
        for scheme in SCHEMES.map(|preset| preset()) {
            let headers = signed_with(scheme.clone(), &[SECRET], NOW, &body);
            let verifier = verifier(scheme);
            prop_assert!(verifier.verify(&headers, &body).is_ok());
            let mut changed = body.clone();
            changed[place.index(body.len())] ^= flip;
            let verdict = verifier.verify(&headers, &changed);
            prop_assert_eq!(verdict, Err(VerifyError::Mismatch));
        }
    }

    #[test]
    fn any_changed_byte_of_a_header_is_refused(
        place in any::<prop::sample::Index>(),
        byte in 0x20u8..0x7f,
    ) {
        for scheme in SCHEMES.map(|preset| preset()) {
            let sent = signed(scheme.clone());
            for (name, value) in &sent {
                let is_id = scheme.family.id.is_some_and(|id| name == id);
                if is_id && scheme.id_source != IdSource::SignedHeader {
                    continue;
                }
                let mut headers = sent.clone();
                let mut changed = value.as_bytes().to_vec();
                let place = place.index(changed.len());
                prop_assume!(changed[place] != byte);
                // Its `v1=` and its `v1,` are the same.
                prop_assume!(scheme != Scheme::banata_sdk() || byte != b',');
                changed[place] = byte;
                headers.insert(name, HeaderValue::from_bytes(&changed).unwrap());
                prop_assert!(verifier(scheme.clone()).verify(&headers, BODY).is_err());
            }
        }
    }
}
