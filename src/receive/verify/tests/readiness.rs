//! When the inner service is made ready.

use std::time::Duration;

use tower::limit::ConcurrencyLimit;

use super::*;

/// A handler that takes one request at a time, and the layer around it.
fn one_at_a_time() -> (Handler, VerifyWebhook<ConcurrencyLimit<Handler>>) {
    let handler = Handler::new();
    let layer = VerifyWebhookLayer::new(verifier(Scheme::banata(), &ManualClock::at(NOW)));
    let service = layer.layer(ConcurrencyLimit::new(handler.clone(), 1));
    (handler, service)
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_still_coming_holds_no_place_of_the_inner_service() {
    let (handler, service) = one_at_a_time();
    let (_sender, body) = bodies::channel();
    let slow = service.clone().oneshot(banata("msg_1", BODY).map(|_| body));
    let slow = tokio::spawn(slow);
    tokio::task::yield_now().await;
    let answer = service.oneshot(banata("msg_2", "{}")).await.unwrap();
    assert!(answer.status().is_success());
    assert_eq!(handler.calls(), 1);
    slow.abort();
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waits_for_a_place_keeps_its_claim() {
    let (handler, service) = one_at_a_time();
    let (running, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    handler.act(Act::Wait {
        running: Arc::clone(&running),
        end: Arc::clone(&end),
    });
    let first = tokio::spawn(service.clone().oneshot(banata("msg_1", BODY)));
    running.notified().await;
    let second = tokio::spawn(service.clone().oneshot(banata("msg_2", "{}")));
    tokio::time::sleep(Duration::from_secs(200)).await;
    let again = service.oneshot(banata("msg_2", "{}")).await.unwrap();
    assert_eq!(again.status(), StatusCode::CONFLICT);
    handler.act(Act::Answer(StatusCode::OK));
    end.notify_one();
    for answer in [first, second] {
        assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(handler.calls(), 2);
}

#[tokio::test]
async fn a_service_that_fails_to_become_ready_leaves_the_message_to_the_next_try() {
    #[derive(Clone)]
    struct Broken;

    impl Service<Request<Full<Bytes>>> for Broken {
        type Response = Answer;
        type Error = &'static str;
        type Future = Handling;

        fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Err("not ready"))
        }

        fn call(&mut self, _request: Request<Full<Bytes>>) -> Handling {
            panic!("called without being ready");
        }
    }

    let layer = VerifyWebhookLayer::new(verifier(Scheme::banata(), &ManualClock::at(NOW)));
    for _ in 0..2 {
        let refused = layer.layer(Broken).oneshot(banata("msg_1", BODY)).await;
        assert_eq!(refused.map(|_| ()).unwrap_err(), "not ready");
    }
}
