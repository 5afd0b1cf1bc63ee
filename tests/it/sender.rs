//! The fake sender against the layer: what it makes is answered as it says, under every scheme.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use tokio::task::JoinSet;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_auth_sync::clock::UnixTime;
use tower_auth_sync::event::VerifiedWebhook;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::scheme::KeyForm;
use tower_auth_sync::scheme::{Scheme, SignatureEncoding, TimeUnit};
use tower_auth_sync::signature::{Verifier, WebhookConfigError};
use tower_auth_sync::testing::{
    Corruption, Expected, FakeSender, ManualClock, SameMessage, SeededEntropy,
};
use tower_auth_sync::verify::{VerifyWebhookLayer, WebhookRejection};

const NOW: UnixTime = UnixTime::from_secs(1_750_000_000);
/// Good for every scheme with shared keys but hexadecimal ones.
const SHARED: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";
/// RFC 8037, appendix A.
const PRIVATE: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

type Answer = Response<Full<Bytes>>;

/// A scheme with the sender's secret and the receiver's.
struct Pair {
    scheme: Scheme,
    signs: &'static str,
    verifies: &'static str,
}

fn shared(scheme: Scheme, secret: &'static str) -> Pair {
    Pair {
        scheme,
        signs: secret,
        verifies: secret,
    }
}

/// Every preset, and schemes that use what no preset does.
fn schemes() -> Vec<Pair> {
    let names = [
        "banata",
        "banata-sdk",
        "standard-webhooks",
        "svix",
        "clerk",
        "stripe",
        "workos",
        "github",
        "slack",
        "shopify",
    ];
    let presets = names.map(|name| shared(Scheme::by_name(name).unwrap(), SHARED));
    let v1a = Scheme::by_name("standard-webhooks-v1a").map(|scheme| Pair {
        scheme,
        signs: PRIVATE,
        verifies: PUBLIC,
    });
    let acme = Scheme::custom("acme", "X-Acme-Signature")
        .prefix("hmac=")
        .encoding(SignatureEncoding::Base64)
        .timestamp_header("X-Acme-Time", TimeUnit::Milliseconds)
        .id_header("X-Acme-Id")
        .content("{t}/{id}/{body}")
        .key(KeyForm::Hex)
        .tolerance(Duration::from_secs(1));
    let hex = "00112233445566778899aabbccddeeff0011223344556677";
    // A time, and no id anywhere.
    let nameless = Scheme::custom("nameless", "x-signature")
        .spaced_fields("v7", TimeUnit::Seconds)
        .content("{t}.{body}");
    let customs = [
        shared(acme.build().unwrap(), hex),
        shared(nameless.build().unwrap(), SHARED),
    ];
    presets.into_iter().chain(v1a).chain(customs).collect()
}

fn id(n: usize) -> MessageId {
    MessageId::new(format!("msg_{n}")).unwrap()
}

/// Has the id where Stripe, WorkOS and Slack look for it.
fn body(n: usize) -> String {
    format!(r#"{{"id":"msg_{n}","event_id":"msg_{n}","data":{{}}}}"#)
}

/// A receiver, and how often it handled each body.
#[derive(Clone)]
struct Receiver {
    layer: VerifyWebhookLayer,
    handled: Arc<Mutex<HashMap<Bytes, usize>>>,
}

impl Receiver {
    fn new(pair: &Pair, clock: &ManualClock) -> Self {
        let builder = Verifier::builder(pair.scheme.clone());
        let builder = builder.secret(pair.verifies).unwrap().clock(clock.clone());
        Self {
            layer: VerifyWebhookLayer::new(builder.build().unwrap()),
            handled: Arc::default(),
        }
    }

    async fn answer(
        &self,
        request: Request<Full<Bytes>>,
    ) -> (StatusCode, Option<WebhookRejection>) {
        let handled = Arc::clone(&self.handled);
        let handler = service_fn(move |request: Request<Full<Bytes>>| {
            let delivered = request.extensions().get::<VerifiedWebhook>().unwrap();
            let mut handled = handled.lock().unwrap();
            *handled.entry(delivered.body().clone()).or_default() += 1;
            async { Ok::<_, Infallible>(Answer::new(Full::from("handled"))) }
        });
        let answer = self.layer.layer(handler).oneshot(request).await.unwrap();
        let reason = answer.extensions().get::<WebhookRejection>().cloned();
        (answer.status(), reason)
    }

    fn handled(&self) -> HashMap<Bytes, usize> {
        self.handled.lock().unwrap().clone()
    }
}

fn set_up(pair: &Pair) -> (FakeSender, Receiver, ManualClock) {
    let clock = ManualClock::at(NOW);
    let sender = FakeSender::new(pair.scheme.clone(), pair.signs).unwrap();
    let receiver = Receiver::new(pair, &clock);
    (sender.clock(clock.clone()), receiver, clock)
}

#[tokio::test]
async fn a_genuine_request_is_handled_under_every_scheme() {
    for pair in schemes() {
        let (sender, receiver, _) = set_up(&pair);
        let answer = receiver.answer(sender.request(&id(1), body(1))).await;
        assert_eq!(answer, (StatusCode::OK, None), "{:?}", pair.scheme);
        assert_eq!(receiver.handled(), HashMap::from([(body(1).into(), 1)]));
    }
}

#[tokio::test]
async fn every_corruption_gets_its_refusal_under_every_scheme() {
    for pair in schemes() {
        let (sender, receiver, _) = set_up(&pair);
        for corruption in Corruption::ALL {
            let Some(request) = sender.corrupted(&id(1), body(1), corruption) else {
                continue;
            };
            let (_, reason) = receiver.answer(request).await;
            let problem = reason.and_then(|reason| reason.kind());
            let name = pair.scheme.name();
            assert_eq!(problem, Some(corruption.refusal()), "{name} {corruption:?}");
        }
        assert_eq!(receiver.handled(), HashMap::new());
        let answer = receiver.answer(sender.request(&id(1), body(1))).await;
        assert_eq!(answer.1, None, "a forgery silenced the genuine request");
    }
}

/// What cannot be corrupted is what the scheme does without.
#[test]
fn only_what_a_scheme_needs_can_be_taken_from_it() {
    use Corruption::{
        Id, IdDoubled, IdMissing, Timestamp, TimestampDoubled, TimestampMissing, TooNew, TooOld,
    };
    let none: &[Corruption] = &[];
    let of_a_time = [TooOld, TooNew, Timestamp];
    for (name, missing) in [
        ("banata", &[Id, IdMissing, TimestampMissing][..]),
        (
            "banata-sdk",
            &[Id, IdMissing, TimestampMissing, TimestampDoubled],
        ),
        ("standard-webhooks", none),
        ("standard-webhooks-v1a", none),
        (
            "stripe",
            &[Id, IdMissing, IdDoubled, TimestampMissing, TimestampDoubled],
        ),
        ("slack", &[Id, IdMissing, IdDoubled]),
        (
            "github",
            &[
                &of_a_time[..],
                &[Id, IdMissing, TimestampMissing, TimestampDoubled],
            ]
            .concat(),
        ),
    ] {
        let Some(pair) = schemes()
            .into_iter()
            .find(|pair| pair.scheme.name() == name)
        else {
            continue;
        };
        let (sender, ..) = set_up(&pair);
        for corruption in Corruption::ALL {
            let request = sender.corrupted(&id(1), body(1), corruption);
            let is_missing = missing.contains(&corruption);
            assert_eq!(request.is_none(), is_missing, "{name} {corruption:?}");
        }
    }
}

#[tokio::test]
async fn bodies_without_a_place_to_corrupt_are_corrupted_all_the_same() {
    let pair = shared(Scheme::banata(), SHARED);
    let (sender, receiver, _) = set_up(&pair);
    for body in ["", "{}", "7", "not json"] {
        for corruption in [Corruption::Body, Corruption::Reformatted] {
            let request = sender.corrupted(&id(1), body, corruption);
            let is_json = ["{}", "7"].contains(&body);
            assert_eq!(request.is_some(), is_json || corruption == Corruption::Body);
            if let Some(request) = request {
                let (status, _) = receiver.answer(request).await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{body:?} {corruption:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_reformatted_body_holds_the_same_value() {
    let (sender, ..) = set_up(&shared(Scheme::stripe(), SHARED));
    let request = sender.corrupted(&id(1), body(1), Corruption::Reformatted);
    let sent = request
        .unwrap()
        .into_body()
        .collect()
        .await
        .unwrap()
        .to_bytes();
    assert_ne!(sent, body(1));
    let value: serde_json::Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(
        value,
        serde_json::from_str::<serde_json::Value>(&body(1)).unwrap()
    );
}

#[tokio::test]
async fn a_request_that_was_long_on_its_way_is_refused_when_it_is_too_old() {
    for (secs, expected) in [(300, 200), (301, 401)] {
        let (sender, receiver, clock) = set_up(&shared(Scheme::banata(), SHARED));
        let request = sender.request(&id(1), body(1));
        clock.advance(Duration::from_secs(secs));
        assert_eq!(receiver.answer(request).await.0, expected, "{secs} s");
    }
    let (sender, receiver, _) = set_up(&shared(Scheme::banata(), SHARED));
    let earlier = UnixTime::from_secs(NOW.as_secs() - 301);
    let request = sender.request_signed_at(earlier, &id(1), body(1));
    assert_eq!(receiver.answer(request).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn in_a_storm_each_of_200_messages_is_handled_once_under_every_scheme() {
    for pair in schemes() {
        let name = pair.scheme.name();
        let (sender, receiver, _) = set_up(&pair);
        let messages = (0..200).map(|n| (id(n), body(n)));
        let storm = sender.storm(messages, &SeededEntropy::new(1)).unwrap();
        assert!((500..900).contains(&storm.len()), "{}", storm.len());
        for sent in storm {
            let (status, reason) = receiver.answer(sent.request).await;
            assert!(
                sent.expected.is_met_by(status),
                "{name} {:?}: {status}",
                sent.expected
            );
            let refusal = match sent.expected {
                Expected::Refused(corruption) => Some(corruption.refusal()),
                _ => None,
            };
            let is_duplicate = matches!(reason, Some(WebhookRejection::Duplicate));
            assert_eq!(is_duplicate, sent.expected == Expected::Duplicate, "{name}");
            assert_eq!(reason.and_then(|reason| reason.kind()), refusal, "{name}");
        }
        let once: HashMap<Bytes, usize> = (0..200).map(|n| (body(n).into(), 1)).collect();
        assert_eq!(receiver.handled(), once, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_a_storm_of_concurrent_requests_nothing_is_handled_twice_and_nothing_forged() {
    for pair in schemes() {
        let (sender, receiver, _) = set_up(&pair);
        let messages = (0..200).map(|n| (id(n), body(n)));
        let storm = sender.storm(messages, &SeededEntropy::new(2)).unwrap();
        let mut answers = JoinSet::new();
        for sent in storm {
            let receiver = receiver.clone();
            answers.spawn(async move {
                let forged = matches!(sent.expected, Expected::Refused(_));
                let (status, _) = receiver.answer(sent.request).await;
                assert!(!forged || sent.expected.is_met_by(status), "{status}");
            });
        }
        answers.join_all().await;
        let once: HashMap<Bytes, usize> = (0..200).map(|n| (body(n).into(), 1)).collect();
        assert_eq!(receiver.handled(), once, "{}", pair.scheme.name());
    }
}

#[test]
fn a_storm_has_copies_retries_and_every_corruption_in_an_order_of_its_seed() {
    let (sender, ..) = set_up(&shared(Scheme::standard_webhooks(), SHARED));
    let storm = |seed| {
        let messages = (0..200).map(|n| (id(n), body(n)));
        let storm = sender.storm(messages, &SeededEntropy::new(seed)).unwrap();
        let heads = storm.into_iter().map(|sent| {
            let headers = sent.request.headers().clone();
            (sent.message, sent.expected, headers)
        });
        heads.collect::<Vec<_>>()
    };
    let first = storm(1);
    assert_eq!(first, storm(1));
    assert_ne!(first, storm(2));
    for corruption in Corruption::ALL {
        let made = |(_, expected, _): &_| *expected == Expected::Refused(corruption);
        assert!(first.iter().any(made), "{corruption:?}");
    }
    let genuine =
        |(_, expected, _): &&(usize, Expected, _)| !matches!(expected, Expected::Refused(_));
    let (mut copies, mut retries, mut before) = (0, 0, HashMap::new());
    for (message, expected, headers) in first.iter().filter(genuine) {
        match before.insert(message, headers) {
            Some(same) if same == headers => copies += 1,
            Some(_) => retries += 1,
            None => assert_eq!(*expected, Expected::Handled),
        }
    }
    assert!(
        copies > 50 && retries > 50,
        "{copies} copies, {retries} retries"
    );
    let order: Vec<_> = first.iter().map(|(message, ..)| message).collect();
    assert!(!order.is_sorted());
}

#[test]
fn messages_that_a_receiver_cannot_tell_apart_make_no_storm() {
    let storm = |scheme: Scheme, messages: [(MessageId, String); 3]| {
        let (sender, ..) = set_up(&shared(scheme, SHARED));
        let made = sender.storm(messages, &SeededEntropy::new(1));
        made.map(|_| ())
            .map_err(|SameMessage { first, second, .. }| (first, second))
    };
    let same_body = || [(id(0), body(0)), (id(1), body(1)), (id(2), body(1))];
    let same_id = || [(id(0), body(0)), (id(1), body(1)), (id(0), body(2))];
    assert_eq!(storm(Scheme::standard_webhooks(), same_body()), Ok(()));
    for scheme in [Scheme::banata(), Scheme::stripe(), Scheme::github()] {
        assert_eq!(storm(scheme.clone(), same_body()), Err((1, 2)));
        assert_eq!(storm(scheme, same_id()), Err((0, 2)));
    }
}

#[tokio::test]
async fn a_sender_posts_json_where_it_is_told_to() {
    let (sender, ..) = set_up(&shared(Scheme::slack(), SHARED));
    let request = sender
        .uri(Uri::from_static("/webhooks/slack"))
        .request(&id(1), "{}");
    assert_eq!(
        (request.method().as_str(), request.uri().path()),
        ("POST", "/webhooks/slack")
    );
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(
        request.into_body().collect().await.unwrap().to_bytes(),
        "{}"
    );
}

#[test]
fn a_short_secret_signs_if_it_is_allowed() {
    let builder = FakeSender::builder(Scheme::github());
    let builder = builder.secret("short").unwrap();
    let error = builder.clone().build().unwrap_err();
    assert!(matches!(
        error,
        WebhookConfigError::KeyLength { index: 0, .. }
    ));
    let sender = builder.dangerous_allow_short_secret().build().unwrap();
    let verifier = Verifier::builder(Scheme::github()).secret("short").unwrap();
    let verifier = verifier.dangerous_allow_short_secret().build().unwrap();
    let request = sender.request(&id(1), body(1));
    let verified = verifier.verify(request.headers(), body(1).as_bytes());
    assert!(verified.is_ok());
}

#[test]
fn a_secret_that_cannot_sign_is_refused_and_no_secret_is_shown() {
    let error = FakeSender::new(Scheme::banata(), "whsec_short").unwrap_err();
    assert!(matches!(
        error,
        WebhookConfigError::KeyLength { index: 0, .. }
    ));
    let sender = FakeSender::new(Scheme::banata(), SHARED).unwrap();
    assert!(!format!("{sender:?}").contains("MDEy"));
}
