//! What is counted.

use std::time::Duration;

use super::*;
use crate::base::error::StoreFailurePolicy;
use crate::metrics::counted::Counted;
use crate::receive::dedupe::MemoryDedupe;

/// A message like no other.
fn numbered(number: u8) -> Request<Full<Bytes>> {
    banata(&format!("msg_{number}"), format!(r#"{{"n":{number}}}"#))
}

fn named(source: &str) -> Receiver {
    let dedupe = MemoryDedupe::new().dedupe(source).unwrap();
    Receiver::with(Scheme::banata(), |layer| layer.with_dedupe(dedupe))
}

#[tokio::test(start_paused = true)]
async fn each_request_is_counted_by_what_became_of_it() {
    let counted = Counted::begin();
    let receiver = named("crm");
    receiver.send(numbered(1)).await.assert_handled();
    receiver.send(numbered(1)).await.assert_duplicate();
    receiver
        .handler
        .act(Act::Answer(StatusCode::INTERNAL_SERVER_ERROR));
    receiver.send(numbered(2)).await;
    receiver.handler.act(Act::Fail);
    receiver.try_send(numbered(3)).await.unwrap_err();
    let forged = with_header(numbered(4), "webhook-signature", "t=1700000000,v1=00");
    receiver.send(forged).await;
    receiver.clock.advance(Duration::from_secs(1000));
    receiver.send(numbered(5)).await;

    let read = counted.read();
    for (name, expected) in [
        ("webhooks_accepted_total{source=crm}", 3.0),
        ("webhooks_handled_total{source=crm,outcome=success}", 1.0),
        ("webhooks_handled_total{source=crm,outcome=failure}", 2.0),
        ("webhooks_duplicates_total{source=crm,kind=done}", 1.0),
        (
            "webhooks_refused_total{source=crm,reason=signature-mismatch}",
            1.0,
        ),
        (
            "webhooks_refused_total{source=crm,reason=timestamp-stale}",
            1.0,
        ),
    ] {
        assert_eq!(read.get(name), Some(&vec![expected]), "{name} in {read:#?}");
    }
    assert_eq!(read["webhook_duration_seconds{source=crm}"].len(), 3);
    assert_eq!(read["webhook_age_seconds{source=crm}"], [0.0; 4]);
}

#[tokio::test(start_paused = true)]
async fn the_last_verified_time_moves_with_genuine_requests_only() {
    let counted = Counted::begin();
    let receiver = named("crm");
    let last = |counted: &Counted| {
        counted.read()["webhook_last_verified_timestamp_seconds{source=crm}"].clone()
    };
    receiver.clock.advance(Duration::from_secs(40));
    receiver.send(numbered(1)).await.assert_handled();
    receiver.clock.advance(Duration::from_secs(5));
    let forged = with_header(numbered(2), "webhook-signature", "t=1700000000,v1=00");
    receiver.send(forged).await;
    assert_eq!(last(&counted), [1_700_000_040.0]);
    receiver.clock.advance(Duration::from_secs(5));
    receiver.send(numbered(1)).await.assert_duplicate();
    assert_eq!(last(&counted), [1_700_000_050.0]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_given_up_counts_as_cancelled() {
    let counted = Counted::begin();
    let receiver = named("crm");
    receiver.handler.act(Act::Hang);
    let hanging = receiver.send(numbered(1));
    tokio::time::timeout(Duration::from_secs(1), hanging)
        .await
        .unwrap_err();
    let read = counted.read();
    let cancelled = &read["webhooks_handled_total{source=crm,outcome=cancelled}"];
    assert_eq!(cancelled, &[1.0]);
    assert_eq!(read["webhook_duration_seconds{source=crm}"], [1.0]);
}

#[tokio::test]
async fn a_store_that_fails_is_counted_by_what_it_was_asked() {
    let counted = Counted::begin();
    let dedupe = stores::failing("crm");
    let receiver = Receiver::with(Scheme::banata(), |layer| {
        layer
            .with_dedupe(dedupe)
            .with_store_failure_policy(StoreFailurePolicy::FailClosed)
    });
    receiver.send(numbered(1)).await;
    let read = counted.read();
    let claims = &read["webhook_store_errors_total{source=crm,operation=claim}"];
    assert_eq!(claims, &[1.0]);
    let refused = &read["webhooks_refused_total{source=crm,reason=store-unavailable}"];
    assert_eq!(refused, &[1.0]);
}

#[tokio::test]
async fn a_layer_with_its_own_memory_and_one_without_have_names_too() {
    let counted = Counted::begin();
    let own = Receiver::new(Scheme::banata());
    own.send(numbered(1)).await.assert_handled();
    let without = Receiver::with(Scheme::banata(), VerifyWebhookLayer::without_dedupe);
    without.send(numbered(1)).await.assert_handled();
    let read = counted.read();
    for source in ["memory", "none"] {
        let name = format!("webhooks_accepted_total{{source={source}}}");
        assert_eq!(read[&name], [1.0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_lost_is_counted_since_its_message_may_be_handled_twice() {
    let counted = Counted::begin();
    let receiver = Receiver::with(Scheme::banata(), |layer| {
        layer.with_dedupe(stores::losing("crm"))
    });
    let (running, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    receiver.handler.act(Act::Wait {
        running,
        end: Arc::clone(&end),
    });
    let sender = receiver.clone();
    let handling = tokio::spawn(async move { sender.send(numbered(1)).await });
    tokio::time::sleep(Duration::from_secs(60)).await;
    end.notify_one();
    handling.await.unwrap().assert_handled();
    tokio::task::yield_now().await;
    let read = counted.read();
    for operation in ["renew", "commit"] {
        let name = format!("webhook_store_errors_total{{source=crm,operation={operation}}}");
        assert_eq!(read.get(&name), Some(&vec![1.0]), "{name} in {read:#?}");
    }
}
