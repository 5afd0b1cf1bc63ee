//! Log of refused requests.

use std::time::Duration;

use http::request::Parts;

use super::bodies::Untouchable;
use super::log::Log;
use super::*;
use crate::receive::verify::keys::TenantKeys;

const MINUTE: Duration = Duration::from_secs(60);

/// Returns the doctor's lines since the last call. The runtime has one thread for blocking work,
/// so that what was begun before has ended then.
async fn said(log: &Log) -> Vec<String> {
    tokio::task::spawn_blocking(|| ()).await.unwrap();
    let text = log.take();
    for hidden in [&SECRET[6..], &OTHER_SECRET[6..], "user.created"] {
        assert!(!text.contains(hidden), "{text}");
    }
    let lines = text.lines();
    let lines = lines.filter(|line| line.contains("why a webhook was refused"));
    lines.map(str::to_owned).collect()
}

#[track_caller]
fn assert_names(lines: &[String], what: &[&str]) {
    assert_eq!(lines.len(), what.len(), "{lines:?}");
    for (line, what) in lines.iter().zip(what) {
        assert!(line.contains(" WARN "), "{line}");
        assert!(line.contains("tower_auth_sync::receive::verify"), "{line}");
        assert!(line.contains(what), "{line}");
    }
}

/// Runs `test` with a log, on a runtime that does one blocking task after the other.
fn logged<F: Future>(test: impl FnOnce(Log) -> F) {
    let (log, _logging) = Log::begin();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .max_blocking_threads(1)
        .build();
    runtime.unwrap().block_on(test(log));
}

fn receiver(scheme: Scheme) -> Receiver {
    Receiver::with(scheme, |layer| layer.with_diagnosis(MINUTE))
}

/// Requests that a layer for `banata` refuses, and what is the matter with them.
fn refused() -> Vec<(Request<Full<Bytes>>, &'static [&'static str])> {
    let with_line_end = banata("msg_1", BODY).map(|_| Full::<Bytes>::from(format!("{BODY}\n")));
    let whole_text = {
        let mut request = Request::post("/").body(Full::from(BODY)).unwrap();
        let signer = Signer::new(Scheme::stripe(), [SECRET]).unwrap();
        let headers = signer.sign_at(&MessageId::new("m").unwrap(), NOW, BODY.as_bytes());
        let (_, value) = headers.into_iter().next().unwrap();
        request.headers_mut().insert("webhook-signature", value);
        request
    };
    let old = UnixTime::from_secs(NOW.as_secs() - 1000);
    vec![
        (with_line_end, &["line end"]),
        (whole_text, &["whole text"]),
        (signed_at(old, Scheme::banata(), "msg_1", BODY), &["1000 s"]),
        (standard("msg_1", BODY), &["standard-webhooks"]),
        (signed(Scheme::shopify(), "msg_1", BODY), &["shopify"]),
        (
            Request::post("/").body(Full::from(BODY)).unwrap(),
            &["missing"],
        ),
    ]
}

#[test]
fn the_log_names_the_cause_and_the_answer_is_the_same() {
    logged(|log| async move {
        let without = Receiver::new(Scheme::banata());
        for (request, causes) in refused() {
            let receiver = receiver(Scheme::banata());
            let answer = receiver.send(request.clone()).await;
            assert_names(&said(&log).await, causes);
            let plain = without.send(request).await;
            assert_eq!(
                (answer.status, answer.headers, answer.body, answer.reason),
                (plain.status, plain.headers, plain.body, plain.reason)
            );
            assert_eq!(said(&log).await, Vec::<String>::new());
            assert_eq!(receiver.handler.calls(), 0);
        }
    });
}

#[test]
fn one_request_per_interval_is_looked_at_and_only_its_body_is_read() {
    logged(|log| async move {
        let receiver = receiver(Scheme::banata());
        let unsigned = || Request::post("/").body(Untouchable).unwrap();
        let line_end = || banata("msg_1", BODY).map(|_| Full::<Bytes>::from(format!("{BODY}\n")));
        for _ in 0..3 {
            receiver
                .send(line_end())
                .await
                .assert_refused(401, "signature-mismatch");
            let reply = receiver.send(unsigned()).await;
            reply.assert_refused(401, "signature-missing");
        }
        assert_names(&said(&log).await, &["line end"]);
        receiver.clock.advance(MINUTE);
        let reply = receiver.send(standard("msg_1", BODY)).await;
        reply.assert_refused(400, "header-malformed");
        receiver
            .send(line_end())
            .await
            .assert_refused(401, "signature-mismatch");
        assert_names(&said(&log).await, &["standard-webhooks"]);
    });
}

#[test]
fn a_body_that_cannot_be_read_for_the_doctor_changes_nothing() {
    logged(|log| async move {
        let limit = |layer: VerifyWebhookLayer| layer.with_diagnosis(MINUTE).with_body_limit(10);
        let receiver = Receiver::with(Scheme::banata(), limit);
        let (sender, body) = bodies::channel();
        sender.send(bodies::chunk(BODY)).unwrap();
        drop(sender);
        let reply = receiver.send(Request::post("/").body(body).unwrap()).await;
        reply.assert_refused(401, "signature-missing");
        assert_eq!(said(&log).await, Vec::<String>::new());
    });
}

#[test]
fn what_is_accepted_or_refused_for_another_reason_is_no_case_for_the_doctor() {
    logged(|log| async move {
        let strict = |layer: VerifyWebhookLayer| layer.with_diagnosis(MINUTE).require_signed_id();
        let receiver = Receiver::with(Scheme::banata(), strict);
        let genuine = || banata("msg_1", r#"{"id":"msg_1"}"#);
        receiver.send(genuine()).await.assert_handled();
        receiver.send(genuine()).await.assert_duplicate();
        let other_id = receiver.send(banata("msg_2", BODY)).await;
        other_id.assert_refused(400, "id-mismatch");
        let mut get = genuine();
        *get.method_mut() = http::Method::GET;
        receiver
            .send(get)
            .await
            .assert_refused(405, "method-not-allowed");
        assert_eq!(said(&log).await, Vec::<String>::new());
    });
}

#[test]
fn a_tenants_request_is_held_against_its_own_keys() {
    logged(|log| async move {
        let clock = ManualClock::at(NOW);
        let keys = TenantKeys::new("acme", verifier(Scheme::banata(), &clock));
        let layer = VerifyWebhookLayer::from_provider(move |_: &Parts| {
            let keys = keys.clone();
            async move { Ok(Some(keys)) }
        });
        let service = layer.with_diagnosis(MINUTE).layer(Handler::new());
        let refused = standard("msg_1", BODY);
        let response = service.oneshot(refused).await.unwrap();
        assert_eq!(response.status(), 400);
        let said = said(&log).await;
        assert_names(&said, &["standard-webhooks"]);
        assert!(said[0].contains("tenant=\"acme\""), "{said:?}");
    });
}
