//! The span of a request.

use super::log::Log;
use super::*;

/// Returns what spans said when they closed.
fn closed(log: &Log) -> Vec<String> {
    let text = log.take();
    let lines = text.lines().filter(|line| line.contains("close"));
    lines.map(str::to_owned).collect()
}

#[tokio::test]
async fn one_span_tells_the_ids_and_the_outcome_of_a_request() {
    let (log, _logging) = Log::begin();
    let receiver = Receiver::new(Scheme::banata());
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
    receiver
        .send(banata("msg_1", BODY))
        .await
        .assert_duplicate();
    let forged = with_header(
        banata("msg_2", BODY),
        "webhook-signature",
        "t=1700000000,v1=00",
    );
    receiver.send(forged).await;
    let closed = closed(&log);
    let told = [
        r#"webhook{source="memory" scheme="banata" id="msg_1" outcome="success"}"#,
        r#"webhook{source="memory" scheme="banata" id="msg_1" outcome="duplicate"}"#,
        r#"webhook{source="memory" scheme="banata" outcome="signature-mismatch"}"#,
    ];
    assert_eq!(closed.len(), told.len(), "{closed:#?}");
    for (line, expected) in closed.iter().zip(told) {
        assert!(line.contains(expected), "{line}");
    }
}

#[tokio::test]
async fn what_the_handler_logs_stands_in_the_span() {
    let (log, _logging) = Log::begin();
    let handler = tower::service_fn(async |_request: Request<Full<Bytes>>| {
        tracing::info!("at work");
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let clock = ManualClock::at(NOW);
    let layer = VerifyWebhookLayer::new(verifier(Scheme::banata(), &clock));
    let service = layer.layer(handler);
    service.oneshot(banata("msg_1", BODY)).await.unwrap();
    let text = log.take();
    let line = text.lines().find(|line| line.contains("at work")).unwrap();
    assert!(line.contains(r#"id="msg_1""#), "{line}");
}
