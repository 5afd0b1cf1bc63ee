use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::base::clock::UnixMillis;
use crate::base::id::{EndpointId, MessageId};
use crate::base::secret::Secret;
use crate::testing::ManualClock;
use crate::wire::scheme::Scheme;
use crate::wire::signature::Verifier;

const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";
const URL: &str = "https://hooks.example.com/T0KEN?key=abc";

fn new(url: &str, secret: &str) -> Result<NewEndpoint, EndpointError> {
    NewEndpoint::new(url, Scheme::banata(), secret)
}

#[test]
fn an_endpoint_that_may_not_be_called_or_cannot_sign_is_refused() {
    assert!(new(URL, SECRET).is_ok());
    assert!(matches!(new("nowhere", SECRET), Err(EndpointError::Url(_))));
    for url in [
        "http://hooks.example.com/",
        "https://10.0.0.1/",
        "https://u:p@example.com/",
    ] {
        assert!(
            matches!(new(url, SECRET), Err(EndpointError::Egress(_))),
            "{url}"
        );
    }
    assert!(matches!(
        new(URL, "whsec_short"),
        Err(EndpointError::Key(_))
    ));
    assert!(matches!(new(URL, "line\n"), Err(EndpointError::Secret(_))));
}

#[test]
fn debug_shows_neither_the_path_nor_the_secret() {
    let new = new(URL, SECRET).unwrap();
    let endpoint = new
        .clone()
        .into_endpoint(EndpointId::new("we_1").unwrap(), UnixMillis::EPOCH);
    for shown in [format!("{new:?}"), format!("{endpoint:?}")] {
        assert!(shown.contains("hooks.example.com"));
        assert!(
            !shown.contains("T0KEN") && !shown.contains("abc"),
            "{shown}"
        );
    }
}

#[test]
fn the_previous_secret_signs_until_its_end() {
    let secret = |text: &str| Secret::new(text).unwrap();
    let secrets = EndpointSecrets::new(secret(SECRET)).with_previous(PreviousSecret::new(
        secret("whsec_fedcba9876543210fedcba9876543210"),
        UnixMillis::from_millis(10),
    ));
    assert_eq!(secrets.valid_at(UnixMillis::from_millis(9)).count(), 2);
    assert_eq!(secrets.valid_at(UnixMillis::from_millis(10)).count(), 1);
}

/// The receiver verifies with the text that the sender shows once, whatever the scheme.
#[tokio::test]
async fn a_generated_secret_is_shown_once_and_verifies_what_its_endpoint_signs() {
    let endpoints = Endpoints::new(MemoryOutbox::new());
    let now = UnixMillis::from_millis(1_750_000_000_000);
    for (scheme, prefix) in [
        (Scheme::banata(), "whsec_"),
        (Scheme::standard_webhooks(), "whsec_"),
        #[cfg(feature = "ed25519")]
        (Scheme::standard_webhooks_v1a(), "whpk_"),
    ] {
        let new = NewEndpoint::generate(URL, scheme.clone()).unwrap();
        let issued = endpoints.create(new).await.unwrap();
        let text = issued.secret().reveal();
        assert!(text.starts_with(prefix), "{}", scheme.name());
        assert!(!format!("{issued:?}").contains(&text[prefix.len()..]));

        let id = MessageId::new("msg_1").unwrap();
        let signer = issued.endpoint().signer(now).unwrap();
        let mut headers = http::HeaderMap::new();
        signer
            .sign_at(&id, now.to_secs(), b"{}")
            .apply(&mut headers);
        let verifier = Verifier::builder(scheme).secret(text).unwrap();
        let verifier = verifier.clock(ManualClock::at(now)).build().unwrap();
        assert!(verifier.verify(&headers, b"{}").is_ok());
    }
}

#[test]
fn every_preset_takes_the_secret_that_is_generated_for_it() {
    for scheme in Scheme::presets() {
        let name = scheme.name();
        let new = || NewEndpoint::generate(URL, scheme.clone());
        let texts = [new(), new()].map(|it| it.unwrap().issued_secret().reveal().to_owned());
        assert_ne!(texts[0], texts[1], "{name}");
    }
}

fn report(body: Bytes, failure: Option<FailureReason>) -> AttemptReport {
    AttemptReport::new(UnixMillis::EPOCH, Duration::ZERO)
        .with_response(None, body)
        .with_failure(failure)
}

fn kept(response: &str, failure: Option<FailureReason>) -> Bytes {
    report(Bytes::copy_from_slice(response.as_bytes()), failure).kept_response()
}

#[test]
fn of_a_response_that_is_text_no_half_character_is_kept() {
    for (failure, limit) in [
        (None, MAX_SUCCESS_RESPONSE),
        (Some(FailureReason::Status), MAX_RESPONSE),
    ] {
        for character in ["x", "\u{e9}", "\u{20ac}", "\u{1f600}"] {
            for before in 0..5 {
                let text = "a".repeat(before) + &character.repeat(limit);
                let kept = kept(&text, failure);
                assert!(text.as_bytes().starts_with(&kept));
                assert!(std::str::from_utf8(&kept).is_ok(), "{before} {character}");
                assert!((limit - 3..=limit).contains(&kept.len()), "{}", kept.len());
            }
        }
    }
}

#[test]
fn a_character_that_the_client_cut_at_the_limit_is_left_out() {
    let body = Bytes::from("a".to_owned() + &"\u{e9}".repeat(MAX_RESPONSE));
    let mut report = report(body, Some(FailureReason::Status));
    report.response.truncate(MAX_RESPONSE);
    assert_eq!(report.kept_response().len(), MAX_RESPONSE - 1);
}

#[test]
fn of_a_response_that_is_no_text_every_byte_up_to_the_limit_is_kept() {
    let mut report = report(Bytes::from(vec![0xff; 2 * MAX_SUCCESS_RESPONSE]), None);
    assert_eq!(report.kept_response().len(), MAX_SUCCESS_RESPONSE);
    report.response = Bytes::from_static(b"short \xe2\x82");
    assert_eq!(report.kept_response(), report.response);
}

#[test]
fn stored_names_read_back() {
    for state in DeliveryState::ALL {
        assert_eq!(DeliveryState::by_name(state.as_str()), Some(*state));
    }
    for reason in FailureReason::ALL {
        assert_eq!(FailureReason::by_name(reason.as_str()), Some(*reason));
    }
    assert_eq!(DeliveryState::by_name("Pending"), None);
}
