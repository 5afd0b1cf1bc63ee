//! SECURITY of parsing: each bad request is refused with its status and slug, unseen by the handler.

use http::header::{ALLOW, CONTENT_LENGTH};
use http::{HeaderName, HeaderValue, Method};

use super::*;
use crate::base::clock::UnixMillis;
use crate::wire::signature::VerifyError;

const SIGNATURE: &str = "webhook-signature";
const TIMESTAMP: &str = "webhook-timestamp";

/// The time and the hex MAC of a genuine request.
fn mac(request: &Request<Full<Bytes>>) -> String {
    let value = request.headers()[SIGNATURE].to_str().unwrap();
    value.rsplit('=').next().unwrap().to_owned()
}

fn banata_signed_as(value: impl FnOnce(&str, &str) -> String) -> Request<Full<Bytes>> {
    let request = banata("msg_1", BODY);
    let value = value("1700000000", &mac(&request));
    let mut request = with_header(request, SIGNATURE, &value);
    request.headers_mut().remove(TIMESTAMP);
    request
}

async fn assert_refused(request: Request<Full<Bytes>>, status: u16, slug: &str) {
    let receiver = Receiver::new(Scheme::banata());
    let shown = format!("{:?}", request.headers());
    let reply = receiver.send(request).await;
    let got = (reply.status.as_u16(), reply.slug());
    assert_eq!(got, (status, slug.to_owned()), "{shown}");
    assert_eq!(receiver.handler.calls(), 0, "{shown}");
    assert!(reply.reason.is_some());
}

#[tokio::test]
async fn a_genuine_request_is_handed_on_with_its_proof() {
    let receiver = Receiver::new(Scheme::banata());
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
    let (body, delivered) = receiver.handler.last();
    assert_eq!(body, BODY);
    assert_eq!(delivered.body(), BODY);
    assert_eq!(delivered.id(), Some("msg_1"));
    assert_eq!(delivered.sent_at(), Some(NOW.to_millis()));
    assert_eq!((delivered.scheme(), delivered.key_index()), ("banata", 0));
    assert!(!delivered.id_is_authentic());
}

#[tokio::test]
async fn a_truncated_empty_or_lengthened_signature_is_a_mismatch() {
    for cut in ["", "ab"] {
        let request = banata_signed_as(|t, _| format!("t={t},v1={cut}"));
        assert_refused(request, 401, "signature-mismatch").await;
    }
    for length in [63, 65] {
        let request =
            banata_signed_as(|t, mac| format!("t={t},v1={}", &format!("{mac}0")[..length]));
        assert_refused(request, 401, "signature-mismatch").await;
    }
    assert_refused(
        banata_signed_as(|_, _| String::new()),
        401,
        "signature-missing",
    )
    .await;
}

#[tokio::test]
async fn a_header_that_is_there_twice_is_refused_wherever_the_good_one_stands() {
    for name in [SIGNATURE, TIMESTAMP, "webhook-id"] {
        let name = HeaderName::from_static(name);
        for good_first in [true, false] {
            let mut request = banata("msg_1", BODY);
            let good = request.headers()[&name].clone();
            let mut both = [good, HeaderValue::from_static("other")];
            if !good_first {
                both.reverse();
            }
            let [first, second] = both;
            request.headers_mut().insert(&name, first);
            request.headers_mut().append(&name, second);
            assert_refused(request, 400, "header-malformed").await;
        }
    }
}

#[tokio::test]
async fn two_times_in_one_signature_header_are_refused() {
    for value in [
        |t: &str, mac: &str| format!("t={t},t={t},v1={mac}"),
        |t: &str, mac: &str| format!("t=1,t={t},v1={mac}"),
        |_: &str, mac: &str| format!("v1={mac}"),
    ] {
        assert_refused(banata_signed_as(value), 400, "header-malformed").await;
    }
}

#[tokio::test]
async fn up_to_eight_signatures_are_tried() {
    let bad = "0".repeat(64);
    let others = |count| format!(",v1={bad}").repeat(count);
    let receiver = Receiver::new(Scheme::banata());
    let eighth = banata_signed_as(|t, mac| format!("t={t}{},v1={mac}", others(7)));
    receiver.send(eighth).await.assert_handled();
    let ninth = banata_signed_as(|t, mac| format!("t={t}{},v1={mac}", others(8)));
    assert_refused(ninth, 400, "header-malformed").await;
}

#[tokio::test]
async fn an_oversized_header_is_refused() {
    let commas = ",".repeat(64 * 1024);
    assert_refused(banata_signed_as(|_, _| commas), 400, "header-malformed").await;
}

#[tokio::test]
async fn another_version_of_the_signature_is_not_fallen_back_to() {
    let request = banata_signed_as(|t, mac| format!("t={t},v0={mac}"));
    assert_refused(request, 401, "signature-missing").await;
}

#[tokio::test]
async fn a_timestamp_out_of_its_grammar_is_refused_without_a_panic() {
    let long = "9".repeat(400);
    for time in [
        "+1700000000",
        "01700000000",
        "1700000000.0",
        "1e9",
        "-1",
        "",
        "0x1",
        "-9223372036854775808",
        "9223372036854775807",
        "18446744073709551616",
        &long,
    ] {
        let request = banata_signed_as(|_, mac| format!("t={time},v1={mac}"));
        assert_refused(request, 400, "header-malformed").await;
        let request = with_header(banata("msg_1", BODY), TIMESTAMP, time);
        assert_refused(request, 400, "header-malformed").await;
    }
}

#[tokio::test]
async fn a_header_beyond_ascii_is_refused() {
    let mut request = banata("msg_1", BODY);
    let value = HeaderValue::from_bytes("t=١٧٠٠٠٠٠٠٠٠,v1=00".as_bytes()).unwrap();
    request.headers_mut().insert(SIGNATURE, value);
    assert_refused(request, 400, "header-malformed").await;
}

#[tokio::test]
async fn milliseconds_for_seconds_are_out_of_tolerance_even_if_signed() {
    let time = UnixTime::from_secs(NOW.to_millis().as_millis());
    let request = signed_at(time, Scheme::banata(), "msg_1", BODY);
    assert_refused(request, 401, "timestamp-stale").await;
}

#[tokio::test]
async fn a_timestamp_header_that_differs_from_the_signed_time_is_refused() {
    let request = with_header(banata("msg_1", BODY), TIMESTAMP, "1700000001");
    assert_refused(request, 400, "header-malformed").await;
}

#[tokio::test]
async fn hex_in_upper_case_and_inner_white_space_are_refused() {
    let upper = banata_signed_as(|t, mac| format!("t={t},v1={}", mac.to_uppercase()));
    assert_refused(upper, 401, "signature-mismatch").await;
    let spaced = banata_signed_as(|t, mac| format!("t={t}, v1={mac}"));
    assert_refused(spaced, 400, "header-malformed").await;
}

#[tokio::test]
async fn missing_and_empty_headers_are_told_apart_from_malformed_ones() {
    let mut request = banata("msg_1", BODY);
    request.headers_mut().remove(SIGNATURE);
    assert_refused(request, 401, "signature-missing").await;

    let receiver = Receiver::new(Scheme::standard_webhooks());
    for name in ["webhook-id", TIMESTAMP, SIGNATURE] {
        let mut request = standard("msg_1", BODY);
        request.headers_mut().remove(name);
        receiver
            .send(request)
            .await
            .assert_refused(401, "signature-missing");
        let empty = with_header(standard("msg_1", BODY), name, "");
        receiver
            .send(empty)
            .await
            .assert_refused(401, "signature-missing");
    }
    assert_eq!(receiver.handler.calls(), 0);
}

#[tokio::test]
async fn times_are_accepted_up_to_the_tolerance_on_both_sides() {
    for (now, accepted) in [
        (NOW.as_secs() - 301, false),
        (NOW.as_secs() - 300, true),
        (NOW.as_secs() + 300, true),
        (NOW.as_secs() + 301, false),
    ] {
        let receiver = Receiver::new(Scheme::banata());
        receiver.clock.set(UnixTime::from_secs(now));
        let reply = receiver.send(banata("msg_1", BODY)).await;
        if accepted {
            reply.assert_handled();
        } else {
            reply.assert_refused(401, "timestamp-stale");
        }
        assert_eq!(receiver.handler.calls(), usize::from(accepted));
    }
}

#[tokio::test]
async fn a_clock_that_was_never_set_is_this_sides_error() {
    let receiver = Receiver::new(Scheme::banata());
    receiver.clock.set(UnixMillis::EPOCH);
    let reply = receiver.send(banata("msg_1", BODY)).await;
    reply.assert_refused(500, "internal");
    assert_eq!(receiver.handler.calls(), 0);
}

#[tokio::test]
async fn a_wrong_secret_and_a_changed_body_get_the_same_answer() {
    let receiver = Receiver::new(Scheme::banata());
    let changed = banata("msg_1", BODY).map(|_| Full::<Bytes>::from("{}"));
    let foreign = {
        let signer = Signer::new(Scheme::banata(), [OTHER_SECRET]).unwrap();
        let id = MessageId::new("msg_1").unwrap();
        let mut request = Request::post("/").body(Full::<Bytes>::from(BODY)).unwrap();
        let headers = signer.sign_at(&id, NOW, BODY.as_bytes());
        headers.apply(request.headers_mut());
        request
    };
    let replies = [receiver.send(changed).await, receiver.send(foreign).await];
    for reply in &replies {
        reply.assert_refused(401, "signature-mismatch");
        let reason = WebhookRejection::Signature(VerifyError::Mismatch);
        assert_eq!(reply.reason, Some(reason));
    }
    let [one, other] = replies;
    assert_eq!((one.headers, one.body), (other.headers, other.body));
    assert_eq!(receiver.handler.calls(), 0);
}

#[tokio::test]
async fn each_of_two_secrets_is_accepted_and_named() {
    let clock = ManualClock::at(NOW);
    let builder = Verifier::builder(Scheme::banata());
    let builder = builder
        .secret(OTHER_SECRET)
        .unwrap()
        .secret(SECRET)
        .unwrap();
    let verifier = builder.clock(clock).build().unwrap();
    let handler = Handler::new();
    let service = VerifyWebhookLayer::new(verifier).layer(handler.clone());
    let response = service.oneshot(banata("msg_1", BODY)).await.unwrap();
    Reply::read(response).await.assert_handled();
    assert_eq!(handler.last().1.key_index(), 1);
}

#[tokio::test]
async fn only_post_is_served() {
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::OPTIONS] {
        let receiver = Receiver::new(Scheme::banata());
        let mut request = banata("msg_1", BODY);
        *request.method_mut() = method;
        let reply = receiver.send(request).await;
        reply.assert_refused(405, "method-not-allowed");
        assert_eq!(reply.headers[ALLOW], "POST");
        assert_eq!(receiver.handler.calls(), 0);
    }
}

#[tokio::test]
async fn a_compressed_body_is_refused_before_the_signature_is_looked_at() {
    let receiver = Receiver::new(Scheme::banata());
    for encoding in ["gzip", "br", "identity, gzip", "x"] {
        let request = with_header(banata("msg_1", BODY), "content-encoding", encoding);
        receiver
            .send(request)
            .await
            .assert_refused(415, "encoding-unsupported");
    }
    let mut twice = with_header(banata("msg_1", BODY), "content-encoding", "identity");
    let gzip = HeaderValue::from_static("gzip");
    twice.headers_mut().append("content-encoding", gzip);
    receiver
        .send(twice)
        .await
        .assert_refused(415, "encoding-unsupported");
    assert_eq!(receiver.handler.calls(), 0);

    let plain = with_header(banata("msg_1", BODY), "content-encoding", "Identity");
    receiver.send(plain).await.assert_handled();
}

#[tokio::test]
async fn a_declared_length_over_the_cap_is_refused_first() {
    let receiver = Receiver::with(Scheme::banata(), |layer| layer.with_body_limit(100));
    let unsigned = Request::post("/").header(CONTENT_LENGTH, "101");
    let unsigned = unsigned.body(Full::<Bytes>::default()).unwrap();
    receiver
        .send(unsigned)
        .await
        .assert_refused(413, "body-too-large");
    let known = Request::post("/")
        .body(Full::<Bytes>::from(vec![0; 101]))
        .unwrap();
    receiver
        .send(known)
        .await
        .assert_refused(413, "body-too-large");
    receiver
        .send(banata("msg_1", vec![b'x'; 100]))
        .await
        .assert_handled();
}
