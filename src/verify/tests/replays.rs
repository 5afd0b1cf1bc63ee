//! What counts as the same message.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_replay_under_fresh_ids_is_handled_once() {
    let schemes: [(fn() -> Scheme, _); 3] = [
        (Scheme::banata, "webhook-id"),
        (Scheme::github, "x-github-delivery"),
        (Scheme::shopify, "x-shopify-webhook-id"),
    ];
    for (scheme, id_header) in schemes {
        for body in [BODY, r#"{"id":"msg_1"}"#] {
            let genuine = || signed(scheme(), "msg_1", body);
            let altered = |n| with_header(genuine(), id_header, &format!("fresh_{n}"));
            // Whichever of them comes first.
            for first in [genuine(), altered(10)] {
                let receiver = Receiver::new(scheme());
                receiver.send(first).await.assert_handled();
                for n in 0..10 {
                    receiver.send(altered(n)).await.assert_duplicate();
                }
                receiver.send(genuine()).await.assert_duplicate();
                let mut without_id = genuine();
                without_id.headers_mut().remove(id_header);
                receiver.send(without_id).await.assert_duplicate();
                assert_eq!(receiver.handler.calls(), 1, "{body}");
            }
        }
    }
}

#[tokio::test]
async fn a_foreign_request_under_another_messages_id_does_not_silence_it() {
    let receiver = Receiver::new(Scheme::banata());
    let posing = with_header(banata("msg_a", "{}"), "webhook-id", "msg_b");
    receiver.send(posing).await.assert_handled();
    receiver.send(banata("msg_b", BODY)).await.assert_handled();
    assert_eq!(receiver.handler.last().0, BODY);

    let posing = with_header(banata("msg_c", r#"{"id":"msg_c"}"#), "webhook-id", "msg_d");
    receiver.send(posing).await.assert_handled();
    let real = r#"{"id":"msg_d"}"#;
    receiver.send(banata("msg_d", real)).await.assert_handled();
    assert_eq!(receiver.handler.last().0, real);
}

#[tokio::test]
async fn forged_requests_leave_nothing_in_the_store() {
    let receiver = Receiver::new(Scheme::banata());
    for _ in 0..1000 {
        let forged = banata("msg_1", "{}").map(|_| Full::<Bytes>::from(BODY));
        receiver
            .send(forged)
            .await
            .assert_refused(401, "signature-mismatch");
    }
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
}

#[tokio::test]
async fn a_retry_signed_anew_is_a_duplicate_for_a_week() {
    for scheme in [
        Scheme::banata(),
        Scheme::standard_webhooks(),
        Scheme::banata_sdk(),
    ] {
        let receiver = Receiver::new(scheme.clone());
        let body = r#"{"id":"msg_1"}"#;
        receiver
            .send(signed(scheme.clone(), "msg_1", body))
            .await
            .assert_handled();
        for hours in [1, 27, 76, 167] {
            let later = UnixTime::from_secs(NOW.as_secs() + hours * 3600);
            receiver.clock.set(later);
            let retry = signed_at(later, scheme.clone(), "msg_1", body);
            receiver.send(retry).await.assert_duplicate();
        }
        let later = UnixTime::from_secs(NOW.as_secs() + 169 * 3600);
        receiver.clock.set(later);
        let resent = signed_at(later, scheme, "msg_1", body);
        receiver.send(resent).await.assert_handled();
    }
}

#[tokio::test]
async fn another_body_under_a_signed_id_is_a_reported_duplicate() {
    for (scheme, bodies) in [
        (Scheme::standard_webhooks(), ["1", "2"]),
        (
            Scheme::banata(),
            [r#"{"id":"msg_1"}"#, r#"{"id":"msg_1","x":1}"#],
        ),
        (
            Scheme::banata_sdk(),
            [r#"{"id":"msg_1"}"#, r#"{"id":"msg_1","x":1}"#],
        ),
    ] {
        let receiver = Receiver::new(scheme.clone());
        let [first, second] = bodies.map(|body| signed(scheme.clone(), "msg_1", body));
        receiver.send(first).await.assert_handled();
        assert!(receiver.handler.last().1.id_is_authentic());
        let reply = receiver.send(second).await;
        reply.assert_duplicate();
        let reason = RefusalReason::Duplicate { other_body: true };
        assert_eq!(reply.reason, Some(reason));
    }
}

#[tokio::test]
async fn the_id_of_a_body_scheme_is_the_bodys_whatever_the_header_says() {
    let receiver = Receiver::new(Scheme::banata_sdk());
    let body = r#"{"id":"evt_1"}"#;
    receiver
        .send(signed(Scheme::banata_sdk(), "evt_9", body))
        .await
        .assert_handled();
    assert_eq!(receiver.handler.last().1.id(), Some("evt_1"));
    let renamed = signed(Scheme::banata_sdk(), "evt_8", body);
    receiver.send(renamed).await.assert_duplicate();
    let without = signed(Scheme::banata_sdk(), "evt_8", "{}");
    receiver.send(without).await.assert_handled();
    let (_, delivered) = receiver.handler.last();
    assert_eq!(
        (delivered.id(), delivered.id_is_authentic()),
        (Some("evt_8"), false)
    );
}

#[tokio::test]
async fn a_required_id_must_be_under_the_signature() {
    let receiver = Receiver::with(Scheme::banata(), VerifyWebhookLayer::require_signed_id);
    for body in [BODY, r#"{"id":"msg_2"}"#, r#"{"id":1}"#, "not json", ""] {
        let reply = receiver.send(banata("msg_1", body)).await;
        reply.assert_refused(400, "id-mismatch");
    }
    let mut without_header = banata("msg_1", r#"{"id":"msg_1"}"#);
    without_header.headers_mut().remove("webhook-id");
    receiver
        .send(without_header)
        .await
        .assert_refused(400, "id-mismatch");
    assert_eq!(receiver.handler.calls(), 0);
    receiver
        .send(banata("msg_1", r#"{"id":"msg_1"}"#))
        .await
        .assert_handled();

    let receiver = Receiver::with(Scheme::banata_sdk(), VerifyWebhookLayer::require_signed_id);
    let body = r#"{"id":"evt_1"}"#;
    let differs = signed(Scheme::banata_sdk(), "evt_2", body);
    receiver
        .send(differs)
        .await
        .assert_refused(400, "id-mismatch");
    let equal = signed(Scheme::banata_sdk(), "evt_1", body);
    receiver.send(equal).await.assert_handled();

    let receiver = Receiver::with(Scheme::standard_webhooks(), |layer| {
        layer.require_signed_id()
    });
    receiver
        .send(standard("msg_1", BODY))
        .await
        .assert_handled();
}

#[tokio::test]
async fn without_dedupe_each_request_is_handled() {
    let receiver = Receiver::with(Scheme::banata(), VerifyWebhookLayer::without_dedupe);
    for _ in 0..3 {
        receiver.send(banata("msg_1", BODY)).await.assert_handled();
    }
    assert_eq!(receiver.handler.calls(), 3);
}

#[tokio::test]
async fn a_wide_tolerance_makes_replays_known_for_longer() {
    let clock = ManualClock::at(NOW);
    let builder = Verifier::builder(Scheme::banata()).secret(SECRET).unwrap();
    let builder = builder.tolerance(Duration::from_secs(3600));
    let verifier = builder.clock(clock.clone()).build().unwrap();
    let handler = Handler::new();
    let service = VerifyWebhookLayer::new(verifier).layer(handler.clone());
    let mut anonymous = banata("msg_1", BODY);
    anonymous.headers_mut().remove("webhook-id");
    let response = service.clone().oneshot(anonymous.clone()).await.unwrap();
    Reply::read(response).await.assert_handled();
    clock.advance(Duration::from_secs(3600));
    let response = service.oneshot(anonymous).await.unwrap();
    Reply::read(response).await.assert_duplicate();
}

#[tokio::test]
async fn an_id_in_the_body_that_no_header_could_hold_is_none() {
    for id in ["m".repeat(257), "with space".into(), "é".into()] {
        let receiver = Receiver::new(Scheme::stripe());
        let body = serde_json::json!({ "id": id }).to_string();
        let request = signed(Scheme::stripe(), "msg_1", body);
        receiver.send(request).await.assert_handled();
        assert_eq!(receiver.handler.last().1.id(), None, "{id}");
    }
    let receiver = Receiver::new(Scheme::stripe());
    let longest = "m".repeat(256);
    let body = serde_json::json!({ "id": longest }).to_string();
    let request = signed(Scheme::stripe(), "msg_1", body);
    receiver.send(request).await.assert_handled();
    assert_eq!(receiver.handler.last().1.id(), Some(&*longest));
}
