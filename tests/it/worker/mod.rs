//! Delivery over loopback sockets to receivers that behave well and badly.

mod receiver;
#[cfg(feature = "sqlite")]
mod sqlite;
mod tls;
mod world;

use std::num::NonZeroU16;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::net::TcpSocket;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_auth_sync::clock::Clock;
use tower_auth_sync::egress::EgressPolicy;
use tower_auth_sync::outbox::{
    DeliveryState, DisabledBecause, EndpointStatus, EndpointStore, FailureReason,
    MAX_SUCCESS_RESPONSE,
};

use self::receiver::{Receiver, Reply};
use self::world::World;

const LEASE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_hours(24);

fn repeat(count: usize, reply: impl Fn() -> Reply) -> Vec<Reply> {
    (0..count).map(|_| reply()).collect()
}

#[tokio::test]
async fn an_event_arrives_signed_and_is_delivered_once() {
    let world = World::new();
    let mut receiver = Receiver::start([]).await;
    world.endpoint(receiver.url()).await;
    let event = world.emit().await;

    assert_eq!(world.deliver_due().await.delivered, 1);
    assert_eq!(world.deliver_due().await.delivered, 0);

    let calls = receiver.calls();
    assert_eq!(calls.len(), 1);
    world.assert_genuine(&calls[0]);
    let headers = &calls[0].headers;
    assert_eq!(headers["webhook-id"], event.as_str());
    assert_eq!(headers["content-type"], "application/json");
    let agent = headers["user-agent"].to_str().unwrap();
    assert!(agent.starts_with("tower-auth-sync/"), "{agent}");
    let payload: serde_json::Value = serde_json::from_slice(&calls[0].body).unwrap();
    assert_eq!(payload["id"], event.as_str());
    assert_eq!(payload["event"], "user.created");
    let delivery = world.delivery(&event).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    let attempts = world.attempts(&event).await;
    assert_eq!(attempts[0].report.status, Some(StatusCode::NO_CONTENT));
    assert_eq!(attempts[0].report.failure, None);
}

#[tokio::test]
async fn a_large_payload_arrives_whole() {
    let world = World::new();
    let mut receiver = Receiver::start([]).await;
    world.endpoint(receiver.url()).await;
    let name = "ü".repeat(100_000);
    world.emit_data("name", &name).await;
    assert_eq!(world.deliver_due().await.delivered, 1);
    let call = receiver.next().await;
    world.assert_genuine(&call);
    let payload: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!(payload["data"]["name"], name);
}

#[tokio::test]
async fn a_running_worker_hears_of_a_new_event() {
    let world = World::new();
    let mut receiver = Receiver::start([]).await;
    world.endpoint(receiver.url()).await;
    // Without a hint it would look again after an hour.
    let worker = world.worker().poll(Duration::from_hours(1)).build();
    let stop = CancellationToken::new();
    let run = tokio::spawn(worker.unwrap().run(stop.clone()));
    for _ in 0..3 {
        let event = world.emit().await;
        assert_eq!(receiver.next().await.headers["webhook-id"], event.as_str());
    }
    stop.cancel();
    run.await.unwrap();
}

#[tokio::test]
async fn five_attempts_over_26_hours_carry_one_id_the_same_bytes_and_fresh_signatures() {
    let world = World::new();
    let mut receiver = Receiver::start(repeat(5, || Reply::Status(500))).await;
    world.endpoint(receiver.url()).await;
    let event = world.emit().await;
    let first = world.clock.now();

    for scheduled in [5, 30, 2 * 60, 24 * 60].map(Duration::from_mins) {
        assert_eq!(world.deliver_due().await.failed, 1);
        let wait = world.wait(&event).await;
        assert!((scheduled..=scheduled.mul_f64(1.2)).contains(&wait));
        world.assert_genuine(&receiver.next().await);
        world.clock.advance(wait - Duration::from_millis(1));
        assert_eq!(world.deliver_due().await, Default::default());
        world.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(world.deliver_due().await.failed, 1);
    world.assert_genuine(&receiver.next().await);

    let delivery = world.delivery(&event).await;
    assert_eq!(delivery.state, DeliveryState::Failed);
    assert_eq!(delivery.attempts, 5);
    assert!(world.clock.now().saturating_since(first) >= Duration::from_mins(26 * 60 + 35));
    assert_eq!(world.attempts(&event).await.len(), 5);
    world.clock.advance(Duration::from_hours(24 * 365));
    assert_eq!(world.deliver_due().await, Default::default());
}

#[tokio::test]
async fn each_attempt_repeats_id_and_bytes_under_a_new_timestamp() {
    let world = World::new();
    let mut receiver = Receiver::start([Reply::Status(500)]).await;
    world.endpoint(receiver.url()).await;
    let event = world.emit().await;
    world.deliver_due().await;
    world.clock.advance(world.wait(&event).await);
    assert_eq!(world.deliver_due().await.delivered, 1);

    let [first, second] = receiver.calls().try_into().unwrap();
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    assert_eq!(first.body, second.body);
    for name in ["webhook-timestamp", "webhook-signature"] {
        assert_ne!(first.headers[name], second.headers[name], "{name}");
    }
    world.assert_genuine(&second);
    let delivery = world.delivery(&event).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let world = World::new();
        let mut elsewhere = Receiver::start([]).await;
        let to = elsewhere.url().to_owned();
        let receiver = Receiver::start([Reply::Location(status, to)]).await;
        world.endpoint(receiver.url()).await;
        let event = world.emit().await;
        assert_eq!(world.deliver_due().await.failed, 1);
        assert!(elsewhere.calls().is_empty(), "{status}");
        let attempts = world.attempts(&event).await;
        assert_eq!(attempts[0].report.failure, Some(FailureReason::Status));
    }
}

#[tokio::test]
async fn an_answer_of_410_disables_the_endpoint() {
    let world = World::new();
    let replies = [Reply::Status(500), Reply::Status(410)];
    let mut receiver = Receiver::start(replies).await;
    let endpoint = world.endpoint(receiver.url()).await;
    let waiting = world.emit().await;
    assert_eq!(world.deliver_due().await.failed, 1);
    let gone = world.emit().await;
    assert_eq!(world.deliver_due().await.failed, 1);

    let status = world.store.get(&endpoint).await.unwrap().unwrap().status;
    let because = DisabledBecause::Gone;
    let at = world.clock.now();
    assert_eq!(status, EndpointStatus::Disabled { at, because });
    let later = world.emit().await;
    assert_eq!(world.deliver_due().await, Default::default());
    for (event, expected) in [
        (waiting, DeliveryState::Cancelled),
        (gone, DeliveryState::Failed),
        (later, DeliveryState::Skipped),
    ] {
        assert_eq!(world.delivery(&event).await.state, expected);
    }
    assert_eq!(receiver.calls().len(), 2);
}

#[tokio::test]
async fn retry_after_puts_an_attempt_off_and_never_brings_it_forward() {
    let scheduled = 300..=360;
    for (reply, expected) in [
        (Reply::RetryAfter(503, "3600"), 3_600..=4_320),
        (Reply::RetryAfter(429, "3600"), 3_600..=4_320),
        (Reply::RetryAfter(409, "99999999"), 86_400..=103_680),
        (Reply::RetryAfter(503, "1"), scheduled.clone()),
        (Reply::RetryAfter(503, "soon"), scheduled.clone()),
        (Reply::RetryAfter(500, "3600"), scheduled.clone()),
    ] {
        let world = World::new();
        let receiver = Receiver::start([reply]).await;
        world.endpoint(receiver.url()).await;
        let event = world.emit().await;
        world.deliver_due().await;
        let wait = world.wait(&event).await.as_secs();
        assert!(expected.contains(&wait), "{wait} s");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_too_busy_is_left_alone_with_all_its_messages() {
    for (reply, pause) in [
        (Reply::RetryAfter(503, "120"), 120),
        (Reply::RetryAfter(502, "120"), 120),
        (Reply::RetryAfter(504, "120"), 120),
        (Reply::RetryAfter(429, "120"), 120),
        (Reply::RetryAfter(429, "1"), 60),
        (Reply::Status(429), 60),
    ] {
        let world = World::new();
        let mut busy = Receiver::start([reply]).await;
        let mut other = Receiver::start([]).await;
        world.endpoint(busy.url()).await;
        world.endpoint(other.url()).await;
        world.emit().await;
        world.deliver_due().await;
        world.emit().await;
        assert_eq!(busy.calls().len(), 1);

        world.clock.advance(Duration::from_secs(pause - 1));
        assert_eq!(world.deliver_due().await.delivered, 1);
        assert!(busy.calls().is_empty());
        assert_eq!(other.calls().len(), 2);
        // And the jitter, a fifth of the pause at most.
        world.clock.advance(Duration::from_secs(1 + pause / 5));
        assert_eq!(world.deliver_due().await.delivered, 1);
        assert_eq!(busy.calls().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_of_409_or_500_puts_off_its_own_message_only() {
    for reply in [Reply::RetryAfter(409, "120"), Reply::RetryAfter(500, "120")] {
        let world = World::new();
        let mut receiver = Receiver::start([reply]).await;
        world.endpoint(receiver.url()).await;
        world.emit().await;
        world.deliver_due().await;
        world.emit().await;
        assert_eq!(world.deliver_due().await.delivered, 1);
        assert_eq!(receiver.calls().len(), 2);
    }
}

#[tokio::test]
async fn a_clock_set_a_day_ahead_makes_a_retry_due_once_and_not_all_the_retries() {
    let world = World::new();
    let mut receiver = Receiver::start(repeat(2, || Reply::Status(500))).await;
    world.endpoint(receiver.url()).await;
    let event = world.emit().await;
    assert_eq!(world.deliver_due().await.failed, 1);

    world.clock.advance(DAY);
    assert_eq!(world.deliver_due().await.failed, 1);
    assert_eq!(world.deliver_due().await, Default::default());
    assert_eq!(receiver.calls().len(), 2);
    let wait = world.wait(&event).await;
    assert!(wait >= Duration::from_mins(30), "the schedule goes on");

    // The clock was wrong and is put right: what was planned meanwhile stays planned.
    world.clock.set(world.clock.now().saturating_sub(DAY));
    assert_eq!(world.deliver_due().await, Default::default());
    world.clock.advance(DAY + wait);
    assert_eq!(world.deliver_due().await.delivered, 1);
}

#[tokio::test]
async fn a_clock_set_a_day_back_sends_nothing_early_and_what_is_new_at_once() {
    let world = World::new();
    let mut receiver = Receiver::start([Reply::Status(500)]).await;
    world.endpoint(receiver.url()).await;
    let waiting = world.emit().await;
    assert_eq!(world.deliver_due().await.failed, 1);
    let wait = world.wait(&waiting).await;
    receiver.calls();

    world.clock.set(world.clock.now().saturating_sub(DAY));
    assert_eq!(world.deliver_due().await, Default::default());
    let new = world.emit().await;
    assert_eq!(world.deliver_due().await.delivered, 1);
    let call = receiver.next().await;
    assert_eq!(call.headers["webhook-id"], new.as_str());
    world.assert_genuine(&call);

    world.clock.advance(DAY + wait - Duration::from_millis(1));
    assert_eq!(world.deliver_due().await, Default::default());
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.deliver_due().await.delivered, 1);
    world.assert_genuine(&receiver.next().await);
}

#[tokio::test]
async fn a_clock_set_back_during_an_attempt_does_not_lose_its_outcome() {
    let world = World::new();
    let permits = Arc::new(Semaphore::new(0));
    let mut receiver = Receiver::start([Reply::With(Arc::clone(&permits))]).await;
    world.endpoint(receiver.url()).await;
    let event = world.emit().await;
    let worker = world.worker().build().unwrap();
    let running = tokio::spawn(async move { worker.deliver_due().await });
    receiver.next().await;
    world.clock.set(world.clock.now().saturating_sub(DAY));
    assert_eq!(world.deliver_due().await, Default::default());
    permits.add_permits(1);
    assert_eq!(running.await.unwrap().unwrap().delivered, 1);
    let delivery = world.delivery(&event).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn of_an_endless_answer_of_success_1_kib_is_kept() {
    let world = World::new();
    let receiver = Receiver::start([Reply::Endless]).await;
    world.endpoint(receiver.url()).await;
    let event = world.emit().await;
    assert_eq!(world.deliver_due().await.delivered, 1);
    let attempts = world.attempts(&event).await;
    assert_eq!(attempts[0].report.response.len(), MAX_SUCCESS_RESPONSE);
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_times_out() {
    let world = World::new();
    let receiver = Receiver::start([Reply::Never]).await;
    world.endpoint(receiver.url()).await;
    let event = world.emit().await;
    let hasty = world.worker().timeout(Duration::from_millis(200)).build();
    hasty.unwrap().deliver_due().await.unwrap();
    let attempts = world.attempts(&event).await;
    assert_eq!(attempts[0].report.failure, Some(FailureReason::Timeout));
}

#[tokio::test]
async fn a_refused_connection_is_a_failure_like_any_other() {
    let world = World::new();
    // Bound, so that nobody else gets the port, but not listening.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/", closed.local_addr().unwrap());
    world.endpoint(&url).await;
    let event = world.emit().await;
    assert_eq!(world.deliver_due().await.failed, 1);
    let attempts = world.attempts(&event).await;
    assert_eq!(attempts[0].report.failure, Some(FailureReason::Connect));
    assert_eq!(world.delivery(&event).await.state, DeliveryState::Pending);
}

#[tokio::test]
async fn an_endpoint_of_a_wider_policy_is_blocked_by_the_workers_own() {
    let world = World::new();
    let mut receiver = Receiver::start([]).await;
    world.endpoint(receiver.url()).await;
    let event = world.emit().await;
    let strict = world.worker().egress(EgressPolicy::public()).build();
    assert_eq!(strict.unwrap().deliver_due().await.unwrap().failed, 1);
    assert!(receiver.calls().is_empty());
    let attempts = world.attempts(&event).await;
    assert_eq!(attempts[0].report.failure, Some(FailureReason::Blocked));
}

#[tokio::test]
async fn a_slow_endpoint_does_not_hold_up_another() {
    let world = World::new();
    let slow = Receiver::start(repeat(20, || Reply::Never)).await;
    let mut quick = Receiver::start([]).await;
    world.endpoint(slow.url()).await;
    world.endpoint(quick.url()).await;
    for _ in 0..20 {
        world.emit().await;
    }
    let worker = world.worker().drain(Duration::ZERO).build().unwrap();
    let stop = CancellationToken::new();
    let run = tokio::spawn(worker.run(stop.clone()));
    for _ in 0..20 {
        quick.next().await;
    }
    stop.cancel();
    run.await.unwrap();
}

#[tokio::test]
async fn one_endpoint_gets_no_more_requests_at_once_than_allowed() {
    let world = World::new();
    let permits = Arc::new(Semaphore::new(0));
    let replies = repeat(5, || Reply::With(Arc::clone(&permits)));
    let mut receiver = Receiver::start(replies).await;
    world.endpoint(receiver.url()).await;
    for _ in 0..5 {
        world.emit().await;
    }
    let worker = world.worker().per_endpoint(NonZeroU16::new(2).unwrap());
    let worker = worker.build().unwrap();
    let run = tokio::spawn(async move { worker.deliver_due().await });
    receiver.next().await;
    for _ in 0..3 {
        receiver.next().await;
        assert!(receiver.calls().is_empty());
        permits.add_permits(1);
    }
    receiver.next().await;
    permits.add_permits(2);
    assert_eq!(run.await.unwrap().unwrap().delivered, 5);
}

#[tokio::test]
async fn a_stopped_worker_finishes_what_it_began() {
    let world = World::new();
    let permits = Arc::new(Semaphore::new(0));
    let mut receiver = Receiver::start([Reply::With(Arc::clone(&permits))]).await;
    world.endpoint(receiver.url()).await;
    let event = world.emit().await;
    let stop = CancellationToken::new();
    let run = tokio::spawn(world.worker().build().unwrap().run(stop.clone()));
    receiver.next().await;
    stop.cancel();
    let late = world.emit().await;
    permits.add_permits(1);
    run.await.unwrap();
    let delivery = world.delivery(&event).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    assert_eq!(world.delivery(&late).await.state, DeliveryState::Pending);
}

#[tokio::test]
async fn what_a_killed_worker_held_is_delivered_by_another_under_the_same_id() {
    let world = World::new();
    let mut receiver = Receiver::start([Reply::Never]).await;
    world.endpoint(receiver.url()).await;
    let event = world.emit().await;
    let doomed = world.worker().build().unwrap();
    let doomed = tokio::spawn(doomed.run(CancellationToken::new()));
    let first = receiver.next().await;
    doomed.abort();
    assert!(doomed.await.unwrap_err().is_cancelled());

    assert_eq!(world.deliver_due().await, Default::default());
    world.clock.advance(LEASE);
    assert_eq!(world.deliver_due().await.delivered, 1);

    let second = receiver.next().await;
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    assert_eq!(first.body, second.body);
    world.assert_genuine(&second);
    let delivery = world.delivery(&event).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    assert_eq!(delivery.attempts, 2);
}

#[tokio::test]
async fn the_late_outcome_of_a_worker_that_lost_its_lease_is_discarded() {
    let world = World::new();
    let permits = Arc::new(Semaphore::new(0));
    let mut receiver =
        Receiver::start([Reply::With(Arc::clone(&permits)), Reply::Status(500)]).await;
    world.endpoint(receiver.url()).await;
    let event = world.emit().await;
    let frozen = world.worker().build().unwrap();
    let frozen = tokio::spawn(async move { frozen.deliver_due().await });
    receiver.next().await;

    world.clock.advance(LEASE);
    assert_eq!(world.deliver_due().await.failed, 1);
    permits.add_permits(1);
    let late = frozen.await.unwrap().unwrap();

    assert_eq!((late.delivered, late.unrecorded), (0, 1));
    let delivery = world.delivery(&event).await;
    assert_eq!(delivery.state, DeliveryState::Pending);
    assert_eq!(delivery.attempts, 2);
}

#[test]
fn proxies_of_the_environment_are_not_asked() {
    // Nothing listens on the discard port: a worker that asked a proxy there would fail.
    let proxy = "http://127.0.0.1:9";
    let names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    let mut command = Command::new(std::env::current_exe().unwrap());
    for name in names {
        command.env(name, proxy).env(name.to_lowercase(), proxy);
    }
    let output = command
        .args([
            "--exact",
            "worker::an_event_arrives_signed_and_is_delivered_once",
        ])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("1 passed"), "{shown}");
}
