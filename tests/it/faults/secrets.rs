//! Secrets that a file, a variable or a clipboard has damaged.

use std::error::Error;

use http::HeaderMap;
use serde::Deserialize;
use tower_auth_sync::clock::UnixTime;
use tower_auth_sync::doctor::Diagnosis;
use tower_auth_sync::doctor::diagnose;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::secret::SecretDamage;
use tower_auth_sync::secret::SecretDamage::*;
use tower_auth_sync::secret::{Secret, SecretError};
use tower_auth_sync::signature::{Signer, Verifier, WebhookConfigError};
use tower_auth_sync::testing::FakeSender;

const NOW: UnixTime = UnixTime::from_secs(1_750_000_000);
const GITHUB: &str = "a-github-secret-of-32-characters";
const WHSEC: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const PRESETS: [&str; 11] = [
    "banata",
    "banata-sdk",
    "standard-webhooks",
    "standard-webhooks-v1a",
    "svix",
    "clerk",
    "stripe",
    "workos",
    "github",
    "slack",
    "shopify",
];

#[derive(Deserialize)]
struct Fault {
    scheme: String,
    secret_of_the_sender: String,
    secret_configured: String,
    body: String,
}

/// What files and clipboards make of `text`, and what it is called.
fn damaged(text: &str) -> Vec<(SecretDamage, String)> {
    [
        (Quoted, format!("\"{text}\"")),
        (Quoted, format!("'{text}'")),
        (Quoted, format!("`{text}`")),
        (Quoted, format!("“{text}”")),
        (Quoted, format!("‘{text}’")),
        (Quoted, format!("«{text}»")),
        (Quoted, format!("\\\"{text}\\\"")),
        (Quoted, format!("\"{text}\",")),
        (Quoted, format!("b'{text}'")),
        (EscapedLineEnd, format!("{text}\\n")),
        (EscapedLineEnd, format!("{text}\\r\\n")),
        (WhiteSpace, format!("{text}\n")),
        (WhiteSpace, format!("{text}\r\n")),
        (WhiteSpace, format!("{text}\r")),
        (WhiteSpace, format!("{text} ")),
        (WhiteSpace, format!("\t{text}")),
        (WhiteSpace, format!("{text}\u{a0}")),
        (Invisible, format!("\u{feff}{text}")),
        (Invisible, format!("{text}\u{200b}")),
        (Invisible, format!("\u{200e}{text}")),
        (Named, format!("WEBHOOK_SECRET={text}")),
        (Named, format!("export WEBHOOK_SECRET={text}")),
        (Named, format!("webhook.secret = {text}")),
        (Named, format!("webhook_secret: {text}")),
        (Named, format!("$env:STRIPE={text}")),
        (Json, format!("{{\"WEBHOOK_SECRET\":\"{text}\"}}")),
        (Json, format!("\"secret\": \"{text}\"")),
    ]
    .into()
}

fn all_of(error: &dyn Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    text
}

fn headers(scheme: &Scheme, secret: &str, body: &[u8]) -> Result<HeaderMap, WebhookConfigError> {
    let secret = Secret::verbatim(secret).unwrap();
    let signer = Signer::builder(scheme.clone()).secret(secret)?;
    let signer = signer.dangerous_allow_short_secret().build()?;
    let mut headers = HeaderMap::new();
    let id = MessageId::new("msg_1").unwrap();
    signer.sign_at(&id, NOW, body).apply(&mut headers);
    Ok(headers)
}

fn told(scheme: &Scheme, sender: &str, receiver: &str, body: &[u8]) -> Vec<Diagnosis> {
    let headers = headers(scheme, sender, body).unwrap();
    let receiver = Secret::verbatim(receiver).unwrap();
    diagnose(scheme, &[receiver], &headers, body, NOW.into())
}

#[test]
fn each_reported_secret_is_refused_where_it_is_configured_and_told_by_the_doctor() {
    for (file, damage) in [
        (
            include_str!("../../data/faults/11-double-quotes.json"),
            Quoted,
        ),
        (
            include_str!("../../data/faults/11-escaped-newline.json"),
            EscapedLineEnd,
        ),
    ] {
        let fault: Fault = serde_json::from_str(file).unwrap();
        let scheme = Scheme::by_name(&fault.scheme).unwrap();
        let refusal = Verifier::new(scheme.clone(), [fault.secret_configured.as_str()]);
        let error = refusal.unwrap_err();
        let source = SecretError::Damaged(damage);
        assert_eq!(error, WebhookConfigError::Secret { index: 0, source });
        assert!(error.to_string().contains(&damage.to_string()), "{error}");
        let (sender, receiver) = (&fault.secret_of_the_sender, &fault.secret_configured);
        let body = fault.body.as_bytes();
        let found = told(&scheme, sender, receiver, body);
        assert_eq!(found, [Diagnosis::SecretDamaged { secret: 0, damage }]);
        let found = told(&scheme, receiver, sender, body);
        assert_eq!(
            found,
            [Diagnosis::SenderSecretDamaged { secret: 0, damage }]
        );
    }
}

#[test]
fn a_damaged_secret_is_refused_by_every_scheme_and_the_text_shows_nothing_of_it() {
    for preset in PRESETS.into_iter().filter_map(Scheme::by_name) {
        for (damage, text) in damaged(WHSEC) {
            let refusals = [
                Verifier::new(preset.clone(), [text.as_str()]).unwrap_err(),
                Verifier::builder(preset.clone())
                    .secret(text.as_str())
                    .unwrap_err(),
                Signer::new(preset.clone(), [text.as_str()]).unwrap_err(),
                FakeSender::new(preset.clone(), text.as_str()).unwrap_err(),
            ];
            for error in refusals {
                let source = SecretError::Damaged(damage);
                assert_eq!(
                    error,
                    WebhookConfigError::Secret { index: 0, source },
                    "{text:?}"
                );
                let said = all_of(&error);
                assert!(!said.contains("MDEy") && !said.contains(&text), "{said}");
            }
        }
    }
}

#[cfg(feature = "emit")]
#[test]
fn an_endpoint_is_not_made_with_a_damaged_secret() {
    use tower_auth_sync::outbox::{EndpointError, NewEndpoint};

    let url = "https://crm.example.com/webhooks";
    for (damage, text) in damaged(WHSEC) {
        let new = NewEndpoint::new(url, Scheme::banata(), text);
        let error = new.unwrap_err();
        assert_eq!(error, EndpointError::Secret(SecretError::Damaged(damage)));
        assert!(error.to_string().contains(&damage.to_string()), "{error}");
    }
}

#[test]
fn placeholders_and_encoded_secrets_are_refused() {
    for (damage, text) in [
        (Placeholder, "${GITHUB_WEBHOOK_SECRET}"),
        (Placeholder, "${GITHUB_WEBHOOK_SECRET:-none}"),
        (Placeholder, "$GITHUB_WEBHOOK_SECRET"),
        (Placeholder, "%GITHUB_WEBHOOK_SECRET%"),
        (Placeholder, "${{ secrets.WEBHOOK_SECRET }}"),
        (Placeholder, "{{ .Values.webhookSecret }}"),
        (Placeholder, "$(cat /run/secrets/webhook)"),
        (Placeholder, "<your-webhook-signing-secret>"),
        (Placeholder, "/run/secrets/github-webhook-secret"),
        (Placeholder, "op://production/github/webhook-secret"),
        (Placeholder, "whsec_${WEBHOOK_SECRET}"),
        (Placeholder, "whsec_••••••••••••••••••••••••"),
        (Named, "Bearer whsec_0123456789abcdef0123456789abcdef"),
        (Named, "whsec_whsec_0123456789abcdef0123456789abcdef"),
        (Quoted, "whsec_0123456789abcdef0123456789abcdef\""),
        (Quoted, "%22a-github-secret-of-32-characters%22"),
        (Quoted, "'It's a Secret to Everybody'"),
        (EscapedLineEnd, "a-github-secret-of-32-characters%0A"),
        (PercentEncoded, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0%2BY%3D"),
        (PercentEncoded, "It%27s%20a%20Secret%20to%20Everybody"),
        (
            Base64Encoded,
            "d2hzZWNfTURFeU16UTFOamM0T1dGaVkyUmxaakF4TWpNME5UWT0=",
        ),
    ] {
        let error = Secret::new(text).unwrap_err();
        assert_eq!(error, SecretError::Damaged(damage), "{text}");
        assert!(!all_of(&error).contains(text), "{error}");
    }
}

/// Behind the prefixes a text stays the same secret.
fn prefixed(text: &str) -> [String; 5] {
    [
        text.to_owned(),
        format!("whsec_{text}"),
        format!("v1,whsec_{text}"),
        format!("WHSEC_{text}"),
        text.to_uppercase(),
    ]
}

#[test]
fn a_guessable_secret_is_refused_with_its_own_error_and_not_shown() {
    for text in [
        "replace-with-a-long-random-secret",
        "your-webhook-secret-placeholder",
        "Replace_With_A_Long_Random_Secret",
        "changeme",
        "change-me",
        "CHANGE_ME",
        "your-secret-here",
        "your_webhook_secret",
        "your-webhook-signing-secret",
        "better-auth-secret-123456789",
        "placeholder",
        "secret",
        "changemechangemechangemechangeme",
        "changeme-changeme-changeme",
        "changeme1234567890123456",
        "x",
        "xx",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "xXxXxXxXxXxXxXxXxXxXxXxXxXxXxXxX",
        "00000000000000000000000000000000",
        "--------------------------------",
        "================================",
        "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ] {
        for text in prefixed(text) {
            assert_guessable(&text);
        }
    }
    // Base64 of one byte repeated: its letter case counts.
    for text in [
        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=",
        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE",
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        "/////////////////////////////////////////w==",
        "cmVwbGFjZS13aXRoLWEtbG9uZy1yYW5kb20tc2VjcmV0",
    ] {
        for text in [
            text.to_owned(),
            format!("whsec_{text}"),
            format!("v1,whsec_{text}"),
        ] {
            assert_guessable(&text);
        }
    }
    assert_guessable("whsk_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
}

fn assert_guessable(text: &str) {
    let source = SecretError::Placeholder;
    assert_eq!(Secret::new(text).unwrap_err(), source, "{text}");
    assert!(Secret::verbatim(text).is_ok());
    for scheme in PRESETS.into_iter().filter_map(Scheme::by_name) {
        let refusals = [
            Verifier::new(scheme.clone(), [text]).unwrap_err(),
            Verifier::builder(scheme.clone())
                .dangerous_allow_short_secret()
                .secret(text)
                .unwrap_err(),
            Signer::new(scheme.clone(), [text]).unwrap_err(),
            FakeSender::new(scheme, text).unwrap_err(),
        ];
        let source = || SecretError::Placeholder;
        for error in refusals {
            assert_eq!(
                error,
                WebhookConfigError::Secret {
                    index: 0,
                    source: source()
                }
            );
            let said = all_of(&error);
            assert!(said.contains("Secret::generate"), "{said}");
            assert!(text.len() < 20 || !said.contains(text), "{said}");
        }
    }
}

#[test]
fn a_secret_that_only_resembles_a_placeholder_is_taken() {
    for text in [
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy",
        "changeme-0f6d2c9a1b7e4853a9d0",
        "secret-8374982374982374982374",
        "secret!#%&/(){}[]?=+*~^<>|",
        "my-secret-that-nobody-else-has-7",
        "your-webhook-secret-placeholder-2",
        "abababababababababababababababab",
        "0000000000000000000000000000000f",
        GITHUB,
        "whsec_0123456789abcdef0123456789abcdef",
        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=",
        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWI=",
    ] {
        for text in [text.to_owned(), text.to_uppercase()] {
            assert!(Secret::new(text.as_str()).is_ok(), "{text}");
            assert!(Verifier::new(Scheme::github(), [text.as_str()]).is_ok());
            assert!(Signer::new(Scheme::github(), [text.as_str()]).is_ok());
        }
    }
}

#[test]
fn what_a_secret_may_have_in_it_is_taken() {
    for text in [
        "It's a Secret to Everybody",
        "it's \"quoted\" in the middle, twice",
        "\"one\" and \"two\" are two texts",
        "\"only the first of two quotes",
        "only the last of two quotes'",
        r"back\nslash-in-the-middle-of-it",
        "a=b=c=d=e=f=g=h=i=j=k=l=m=n",
        "equal=signs=in=the=middle",
        "100%25-sure-of-what-it-means",
        "discount-of-50%-is-a-secret",
        "pa$$word-with-dollars-and-${braces}",
        "$ecret-that-begins-with-a-dollar",
        "{curly} and [square] and <angle>",
        "NOTE: a sentence with a colon",
        "пароль-из-тридцати-символов",
        "family 👨\u{200d}👩\u{200d}👧 and heart ❤\u{fe0f}",
        "ends-with-a-backslash-as-it-is\\",
        "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP====",
        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "v1,whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "shpss_0123456789abcdef0123456789abcdef",
        GITHUB,
        WHSEC,
    ] {
        assert!(Secret::new(text).is_ok(), "{text}");
    }
    for _ in 0..1000 {
        let secret = Secret::generate();
        assert_eq!(secret.damage(), None);
    }
}

#[test]
fn a_secret_that_only_looks_damaged_is_taken_as_it_is() {
    let scheme = Scheme::github();
    let secret = || Secret::verbatim(format!("\"{GITHUB}\"")).unwrap();
    let headers = headers(&scheme, &format!("\"{GITHUB}\""), b"{}").unwrap();
    let verifier = Verifier::new(scheme, [secret()]).unwrap();
    assert!(verifier.verify(&headers, b"{}").is_ok());
}

#[test]
fn a_secret_that_is_damaged_on_one_side_is_told_for_either_side() {
    for preset in PRESETS.into_iter().filter_map(Scheme::by_name) {
        if preset.name() == "standard-webhooks-v1a" {
            continue;
        }
        for (damage, text) in damaged(WHSEC) {
            let body = br#"{"id":"evt_1"}"#;
            let found = told(&preset, WHSEC, &text, body);
            let expected = Diagnosis::SecretDamaged { secret: 0, damage };
            assert_eq!(found.first(), Some(&expected), "{} {text:?}", preset.name());
            // A sender that decodes its secret refuses such a text; and any name may stand there.
            let is_guessed = !["webhook.secret", "$env:STRIPE", "\"secret\":"]
                .iter()
                .any(|start| text.starts_with(start));
            if !is_guessed || headers(&preset, &text, body).is_err() {
                continue;
            }
            let found = told(&preset, &text, WHSEC, body);
            let is_told = matches!(
                found[..],
                [Diagnosis::SenderSecretDamaged { secret: 0, .. }] | [Diagnosis::KeyForm { .. }]
            );
            assert!(is_told, "{} {text:?} {found:?}", preset.name());
            let said = format!("{found:?} {}", found[0]);
            assert!(!said.contains("MDEy"), "{said}");
        }
    }
}

#[test]
fn a_placeholder_on_one_side_and_two_damages_at_once_are_told() {
    let scheme = Scheme::github();
    let body = b"{}";
    for text in [
        "${WEBHOOK_SECRET}",
        "$GITHUB_WEBHOOK_SECRET",
        "{{ a secret of the vault }}",
    ] {
        let damage = Placeholder;
        let found = told(&scheme, GITHUB, text, body);
        assert_eq!(found, [Diagnosis::SecretDamaged { secret: 0, damage }]);
    }
    let found = told(&scheme, "$GITHUB_WEBHOOK_SECRET", GITHUB, body);
    let damage = Placeholder;
    assert_eq!(
        found,
        [Diagnosis::SenderSecretDamaged { secret: 0, damage }]
    );
    let found = told(
        &scheme,
        GITHUB,
        &format!("export GITHUB_SECRET=\"{GITHUB}\"\n"),
        body,
    );
    let damaged = |damage| Diagnosis::SecretDamaged { secret: 0, damage };
    assert_eq!(found, [WhiteSpace, Named, Quoted].map(damaged));
}

#[test]
fn a_damaged_secret_is_told_beside_a_body_of_a_mebibyte() {
    let scheme = Scheme::github();
    let body = format!("[\"{}\"]", "x".repeat(1024 * 1024 - 4));
    for (damage, text) in damaged(GITHUB).into_iter().take(2) {
        let found = told(&scheme, &text, GITHUB, body.as_bytes());
        assert_eq!(
            found,
            [Diagnosis::SenderSecretDamaged { secret: 0, damage }]
        );
        let found = told(&scheme, GITHUB, &text, body.as_bytes());
        assert_eq!(found, [Diagnosis::SecretDamaged { secret: 0, damage }]);
    }
}
