//! A message is handled until it has been handled once.

use std::time::Duration;

use http::header::RETRY_AFTER;
use tokio::task::JoinSet;

use super::*;
use crate::base::clock::Clock as _;
use crate::receive::dedupe::{Identity, MemoryDedupe, Message};
use crate::receive::verify::claim::{ClaimResult, MessageClaim};
use crate::receive::verify::meters::WebhookMeters;

/// Lets everything run that can run.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn waiting() -> (Act, Arc<Notify>, Arc<Notify>) {
    let (running, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let act = Act::Wait {
        running: Arc::clone(&running),
        end: Arc::clone(&end),
    };
    (act, running, end)
}

#[tokio::test]
async fn of_many_identical_requests_at_once_one_is_handled_and_the_others_are_put_off() {
    let receiver = Receiver::new(Scheme::banata());
    let (act, running, end) = waiting();
    receiver.handler.act(act);
    let mut requests = JoinSet::new();
    for _ in 0..64 {
        let receiver = receiver.clone();
        requests.spawn(async move { receiver.send(banata("msg_1", BODY)).await });
    }
    running.notified().await;
    for _ in 0..63 {
        let reply = requests.join_next().await.unwrap().unwrap();
        reply.assert_refused(409, "in-flight");
        assert_eq!(reply.headers[RETRY_AFTER], "10");
    }
    end.notify_one();
    let winner = requests.join_next().await.unwrap().unwrap();
    winner.assert_handled();
    assert_eq!(receiver.handler.calls(), 1);
    receiver
        .send(banata("msg_1", BODY))
        .await
        .assert_duplicate();
}

#[tokio::test]
async fn whatever_is_no_2xx_leaves_the_message_to_the_next_try() {
    let receiver = Receiver::new(Scheme::banata());
    for status in [302, 400, 404, 409, 500, 503] {
        let status = StatusCode::from_u16(status).unwrap();
        receiver.handler.act(Act::Answer(status));
        let reply = receiver.send(banata("msg_1", BODY)).await;
        assert_eq!((reply.status, &reply.body[..]), (status, &b"handled"[..]));
    }
    receiver.handler.act(Act::Fail);
    let failed = receiver.try_send(banata("msg_1", BODY)).await;
    assert_eq!(failed.unwrap_err(), "told to fail");
    receiver.handler.act(Act::Answer(StatusCode::ACCEPTED));
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
    assert_eq!(receiver.handler.calls(), 8);
    receiver
        .send(banata("msg_1", BODY))
        .await
        .assert_duplicate();
}

#[tokio::test]
async fn a_panic_of_the_handler_leaves_the_message_to_the_next_try() {
    let receiver = Receiver::new(Scheme::banata());
    for act in [Act::Panic, Act::PanicInCall] {
        receiver.handler.act(act);
        let sender = receiver.clone();
        let handling = tokio::spawn(async move { sender.send(banata("msg_1", BODY)).await });
        assert!(handling.await.unwrap_err().is_panic());
    }
    receiver.handler.act(Act::Answer(StatusCode::OK));
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_the_message_to_the_next_try() {
    let receiver = Receiver::new(Scheme::banata());
    receiver.handler.act(Act::Hang);
    let mut cancelled = Box::pin(receiver.send(banata("msg_1", BODY)));
    tokio::select! {
        biased;
        _ = &mut cancelled => unreachable!("the handler hangs"),
        () = settle() => {}
    }
    assert_eq!(receiver.handler.calls(), 1);
    let second = receiver.send(banata("msg_1", BODY)).await;
    second.assert_refused(409, "in-flight");
    drop(cancelled);
    receiver.handler.act(Act::Answer(StatusCode::OK));
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
}

#[tokio::test(start_paused = true)]
async fn the_claim_of_a_slow_handler_is_renewed_while_it_lives() {
    let receiver = Receiver::new(Scheme::standard_webhooks());
    let (act, running, end) = waiting();
    receiver.handler.act(act);
    let slow = {
        let receiver = receiver.clone();
        tokio::spawn(async move { receiver.send(standard("msg_1", BODY)).await })
    };
    running.notified().await;
    for second in 1..=290 {
        tokio::time::advance(Duration::from_secs(1)).await;
        receiver.clock.advance(Duration::from_secs(1));
        settle().await;
        let reply = receiver.send(standard("msg_1", BODY)).await;
        reply.assert_refused(409, "in-flight");
        assert_eq!(receiver.handler.calls(), 1, "after {second} s");
    }
    end.notify_one();
    slow.await.unwrap().assert_handled();
    receiver
        .send(standard("msg_1", BODY))
        .await
        .assert_duplicate();
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_blocks_before_it_first_waits_does_not_put_the_renewal_off() {
    let clock = ManualClock::at(NOW);
    let verifier = Verifier::builder(Scheme::banata()).clock(clock.clone());
    let verifier = verifier.secret(SECRET).unwrap().build().unwrap();
    let dedupe = MemoryDedupe::new().dedupe("crm").unwrap();
    let message = Message {
        tenant: None,
        identity: Identity::Signed("msg_1"),
        sent_at: Some(clock.now()),
        replayable: Duration::from_mins(15),
    };
    let pass = async |time| {
        clock.advance(time);
        tokio::time::advance(time).await;
    };
    let meters = WebhookMeters::new("crm");
    let asked = MessageClaim::acquire(&dedupe, verifier.clock(), &message, &meters)
        .await
        .unwrap();
    let ClaimResult::Granted { mut claim, .. } = asked else {
        panic!("nobody else has it");
    };
    pass(Duration::from_secs(40)).await;
    std::future::poll_fn(|cx| {
        claim.poll_renewal(cx);
        Poll::Ready(())
    })
    .await;
    pass(Duration::from_secs(40)).await;
    let second = MessageClaim::acquire(&dedupe, verifier.clock(), &message, &meters)
        .await
        .unwrap();
    assert!(matches!(second, ClaimResult::InFlight { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_in_flight_answer_asks_for_no_more_than_the_claim_may_last() {
    let receiver = Receiver::new(Scheme::banata());
    receiver.handler.act(Act::Hang);
    let hanging = receiver.clone();
    let handling = tokio::spawn(async move { hanging.send(banata("msg_1", BODY)).await });
    settle().await;
    receiver.clock.advance(Duration::from_millis(57_500));
    let reply = receiver.send(banata("msg_1", BODY)).await;
    reply.assert_refused(409, "in-flight");
    assert_eq!(reply.headers[RETRY_AFTER], "3");
    handling.abort();
}

#[tokio::test]
async fn two_layers_with_one_store_and_name_share_messages_and_other_names_do_not() {
    let store = MemoryDedupe::new();
    let named = |name: &str| {
        let dedupe = store.dedupe(name).unwrap();
        Receiver::with(Scheme::banata(), |layer| layer.with_dedupe(dedupe))
    };
    let (one, same, other) = (named("crm"), named("crm"), named("billing"));
    one.send(banata("msg_1", BODY)).await.assert_handled();
    same.send(banata("msg_1", BODY)).await.assert_duplicate();
    other.send(banata("msg_1", BODY)).await.assert_handled();
}

#[tokio::test]
async fn a_handler_can_be_called_again_and_again_on_one_service() {
    let receiver = Receiver::new(Scheme::banata());
    let mut service = receiver.service.clone();
    for n in 0..5 {
        let request = banata(&format!("msg_{n}"), n.to_string());
        let response = (&mut service).oneshot(request).await.unwrap();
        Reply::read(response).await.assert_handled();
    }
    assert_eq!(receiver.handler.calls(), 5);
}
