//! The span of a request.

use std::io::Write;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use super::*;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_span_events(FmtSpan::CLOSE)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// Returns what spans said when they closed.
    fn closed(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().filter(|line| line.contains("close"));
        lines.map(str::to_owned).collect()
    }
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
    let closed = log.closed();
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
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line = text.lines().find(|line| line.contains("at work")).unwrap();
    assert!(line.contains(r#"id="msg_1""#), "{line}");
}
