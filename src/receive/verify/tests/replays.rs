//! What counts as the same message.

use std::time::Duration;

use super::*;
use crate::base::clock::Clock as _;

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
async fn another_body_under_a_signed_id_is_a_duplicate() {
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
        receiver.send(second).await.assert_duplicate();
    }
}

#[tokio::test]
async fn the_id_of_a_body_scheme_is_the_bodys_whatever_the_header_says() {
    for (scheme, id_header) in [
        (Scheme::banata(), "webhook-id"),
        (Scheme::banata_sdk(), "banata-webhook-id"),
    ] {
        let receiver = Receiver::new(scheme.clone());
        let body = r#"{"id":"evt_1"}"#;
        receiver
            .send(signed(scheme.clone(), "evt_9", body))
            .await
            .assert_handled();
        let (_, delivered) = receiver.handler.last();
        assert_eq!(
            (delivered.id(), delivered.id_is_authentic()),
            (Some("evt_1"), true)
        );
        // The sender's retries, at other times and under other headers.
        for minutes in [1, 30, 60 * 24] {
            let later = UnixTime::from_secs(NOW.as_secs() + minutes * 60);
            receiver.clock.set(later);
            let renamed = signed_at(later, scheme.clone(), "evt_8", body);
            receiver.send(renamed).await.assert_duplicate();
            let mut without_header = signed_at(later, scheme.clone(), "evt_8", body);
            without_header.headers_mut().remove(id_header);
            receiver.send(without_header).await.assert_duplicate();
        }
        receiver.clock.set(NOW);
        let without = signed(scheme, "evt_8", "{}");
        receiver.send(without).await.assert_handled();
        let (_, delivered) = receiver.handler.last();
        assert_eq!(
            (delivered.id(), delivered.id_is_authentic()),
            (Some("evt_8"), false)
        );
    }
}

#[tokio::test]
async fn a_member_named_id_names_no_message_where_the_scheme_does_not_say_so() {
    for scheme in [Scheme::github(), Scheme::shopify()] {
        let receiver = Receiver::new(scheme.clone());
        for (id, body) in [
            ("msg_1", r#"{"id":"cart_1","items":1}"#),
            ("msg_2", r#"{"id":"cart_1","items":2}"#),
        ] {
            let request = signed(scheme.clone(), id, body);
            receiver.send(request).await.assert_handled();
            let (_, delivered) = receiver.handler.last();
            assert_eq!(
                (delivered.id(), delivered.id_is_authentic()),
                (Some(id), false)
            );
        }
    }
}

/// What became of the request that the attacker has recorded.
#[derive(Clone, Copy, Debug)]
enum Fate {
    HandlerGuard,
    WasADuplicate,
    Refused(u16),
    Failed,
    Panicked,
    WasDropped,
}

impl Fate {
    const ALL: [Self; 7] = [
        Self::HandlerGuard,
        Self::WasADuplicate,
        Self::Refused(404),
        Self::Refused(503),
        Self::Failed,
        Self::Panicked,
        Self::WasDropped,
    ];

    /// Lets the request have its fate; its message is the retry's of one that was sent before.
    async fn befall(self, receiver: &Receiver, request: Request<Full<Bytes>>) {
        let handled = Act::Answer(StatusCode::NO_CONTENT);
        receiver.handler.act(match self {
            Self::HandlerGuard | Self::WasADuplicate => handled.clone(),
            Self::Refused(status) => Act::Answer(StatusCode::from_u16(status).unwrap()),
            Self::Failed => Act::Fail,
            Self::Panicked => Act::Panic,
            Self::WasDropped => Act::Hang,
        });
        let sender = receiver.clone();
        let handling = tokio::spawn(async move { sender.try_send(request).await });
        if matches!(self, Self::WasDropped) {
            while receiver.handler.calls() == 0 {
                tokio::task::yield_now().await;
            }
            handling.abort();
        }
        let _ = handling.await;
        receiver.handler.act(handled);
    }
}

#[tokio::test]
async fn a_replay_under_another_id_does_not_run_the_handler_whatever_became_of_the_request() {
    for fate in Fate::ALL {
        for body in [BODY, r#"{"id":1}"#, "not json"] {
            let receiver = Receiver::new(Scheme::banata());
            let is_known = matches!(fate, Fate::WasADuplicate);
            if is_known {
                receiver.send(banata("msg_1", body)).await.assert_handled();
                receiver.clock.advance(Duration::from_secs(300));
            }
            let sent = receiver.clock.now().to_secs();
            let recorded = || signed_at(sent, Scheme::banata(), "msg_1", body);
            fate.befall(&receiver, recorded()).await;
            let calls = receiver.handler.calls();
            for n in 0..10 {
                let replay = with_header(recorded(), "webhook-id", &format!("fresh_{n}"));
                receiver.send(replay).await.assert_duplicate();
            }
            let mut without_id = recorded();
            without_id.headers_mut().remove("webhook-id");
            receiver.send(without_id).await.assert_duplicate();
            assert_eq!(receiver.handler.calls(), calls, "{fate:?}");

            receiver.clock.advance(Duration::from_secs(60));
            let later = receiver.clock.now().to_secs();
            let retry = || signed_at(later, Scheme::banata(), "msg_1", body);
            match fate {
                Fate::HandlerGuard | Fate::WasADuplicate => {
                    receiver.send(retry()).await.assert_duplicate();
                }
                _ => receiver.send(retry()).await.assert_handled(),
            }
            let replay = with_header(retry(), "webhook-id", "fresh");
            receiver.send(replay).await.assert_duplicate();
        }
    }
}

#[tokio::test]
async fn a_request_that_failed_may_come_again_byte_for_byte_until_it_was_handled() {
    let schemes: [fn() -> Scheme; 4] = [
        Scheme::banata,
        Scheme::standard_webhooks,
        Scheme::stripe,
        Scheme::github,
    ];
    for scheme in schemes {
        for body in [BODY, r#"{"id":"evt_1"}"#] {
            let receiver = Receiver::new(scheme());
            for status in [StatusCode::BAD_GATEWAY, StatusCode::CONFLICT] {
                receiver.handler.act(Act::Answer(status));
                let reply = receiver.send(signed(scheme(), "msg_1", body)).await;
                assert_eq!((reply.status, reply.reason), (status, None));
            }
            receiver.handler.act(Act::Answer(StatusCode::OK));
            let again = || signed(scheme(), "msg_1", body);
            receiver.send(again()).await.assert_handled();
            receiver.send(again()).await.assert_duplicate();
        }
    }
}

#[tokio::test]
async fn a_replay_while_its_message_is_in_flight_is_asked_to_come_again() {
    let receiver = Receiver::new(Scheme::banata());
    let (running, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    receiver.handler.act(Act::Wait {
        running: Arc::clone(&running),
        end: Arc::clone(&end),
    });
    let sender = receiver.clone();
    let handling = tokio::spawn(async move { sender.send(banata("msg_1", BODY)).await });
    running.notified().await;
    // The sender was too impatient; the attacker recorded that too.
    receiver.clock.advance(Duration::from_secs(5));
    let early = || {
        signed_at(
            UnixTime::from_secs(NOW.as_secs() + 5),
            Scheme::banata(),
            "msg_1",
            BODY,
        )
    };
    receiver
        .send(early())
        .await
        .assert_refused(409, "in-flight");
    let replays = || [banata("msg_1", BODY), early()].map(|it| with_header(it, "webhook-id", "x"));
    for replay in replays() {
        receiver.send(replay).await.assert_refused(409, "in-flight");
    }
    end.notify_one();
    handling.await.unwrap().assert_handled();
    for replay in replays() {
        receiver.send(replay).await.assert_duplicate();
    }
    assert_eq!(receiver.handler.calls(), 1);
}

#[tokio::test]
async fn a_clock_that_was_ahead_leaves_no_message_stuck_and_none_handled_twice() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let receiver = Receiver::new(Scheme::banata());
    let ahead = UnixTime::from_secs(NOW.as_secs() + DAY.as_secs());
    receiver.clock.set(ahead);
    let handled = || signed_at(ahead, Scheme::banata(), "msg_1", "1");
    receiver.send(handled()).await.assert_handled();
    receiver.handler.act(Act::Hang);
    let sender = receiver.clone();
    let stuck = signed_at(ahead, Scheme::banata(), "msg_2", "2");
    let hanging = tokio::spawn(async move { sender.send(stuck).await });
    while receiver.handler.calls() < 2 {
        tokio::task::yield_now().await;
    }
    receiver.handler.act(Act::Answer(StatusCode::OK));
    receiver.clock.set(NOW);
    receiver.send(banata("msg_1", "1")).await.assert_duplicate();
    receiver.send(banata("msg_2", "2")).await.assert_handled();
    hanging.abort();
    receiver.send(banata("msg_2", "2")).await.assert_duplicate();
}

#[tokio::test]
async fn a_required_id_must_be_under_the_signature() {
    let receiver = Receiver::with(Scheme::banata(), VerifyWebhookLayer::require_signed_id);
    for body in [BODY, r#"{"id":"msg_2"}"#, r#"{"id":1}"#, "not json", ""] {
        let reply = receiver.send(banata("msg_1", body)).await;
        reply.assert_refused(400, "id-mismatch");
    }
    assert_eq!(receiver.handler.calls(), 0);
    receiver
        .send(banata("msg_1", r#"{"id":"msg_1"}"#))
        .await
        .assert_handled();
    let mut without_header = banata("msg_3", r#"{"id":"msg_3"}"#);
    without_header.headers_mut().remove("webhook-id");
    receiver.send(without_header).await.assert_handled();

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
