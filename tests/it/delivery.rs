//! Events on their way through a store that other processes, and crashes, have a part in.

use std::collections::HashSet;
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, json};
use tower_auth_sync::clock::{Clock as _, SystemClock, UnixMillis};
use tower_auth_sync::event::{AuthEvent, EventType};
use tower_auth_sync::id::{DeliveryId, EndpointId, MessageId};
use tower_auth_sync::outbox::{
    Attempt, AttemptReport, Delivery, DeliveryLease, DeliveryState, DeliveryWork, Emitter,
    Endpoint, EndpointSecrets, EndpointStatus, FailureReason, Health, IdempotencyKey, LeaseRequest,
    LeaseToken, NewEndpoint, NewEvent, OutboxStore as _, Outcome, PreviousSecret, Settlement,
};
use tower_auth_sync::queue::AttemptNumber;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::secret::Secret;
use tower_auth_sync::signature::Verifier;
use tower_auth_sync::store::AnyStore;

const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";

async fn open(dir: &Path) -> AnyStore {
    let url = format!("sqlite://{}", dir.join("auth-sync.db").display());
    AnyStore::connect(&url).await.unwrap()
}

async fn add_endpoint(store: &AnyStore, host: &str) {
    let url = format!("https://{host}.example.com/hook");
    let endpoint = NewEndpoint::new(&url, Scheme::banata(), SECRET);
    let created = store.endpoints().create(endpoint.unwrap()).await;
    assert!(created.is_ok());
}

fn created(user: u64) -> AuthEvent {
    let mut data = Map::new();
    data.insert("id".into(), json!(format!("usr_{user}")));
    AuthEvent::new(EventType::UserCreated, data)
}

fn everything() -> LeaseRequest {
    let now = SystemClock.now();
    let until = now.saturating_add(Duration::from_secs(3600));
    LeaseRequest::new(NonZeroU16::MAX, AttemptNumber::FIRST.next(), now, until)
}

/// Names the directory for [`emit_until_killed`], and tells it that it is the child.
const CHILD: &str = "TAS_TEST_EMIT_UNTIL_KILLED";

const CHILD_TEST: &str = "delivery::emit_until_killed";

/// The process that gets killed: emits two events at a time and prints the ids that it was told.
#[tokio::test]
#[ignore = "runs for ever: started, and killed, by the test below"]
async fn emit_until_killed() {
    let Some(dir) = env::var_os(CHILD) else {
        return;
    };
    let emitter = Emitter::new(open(Path::new(&dir)).await);
    for user in 0.. {
        let ids = emitter.emit_all([created(user), created(user)]).await;
        let ids = ids.unwrap();
        println!("\nstored {} {}", ids[0], ids[1]);
        std::io::stdout().flush().unwrap();
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_was_told_is_stored_and_leaves_nothing_half() {
    let dir = tempfile::TempDir::new().unwrap();
    let store = open(dir.path()).await;
    add_endpoint(&store, "one").await;
    add_endpoint(&store, "two").await;

    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", CHILD_TEST, "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let stored = lines.map_while(Result::ok).filter_map(|line| {
            let (one, other) = line.strip_prefix("stored ")?.split_once(' ')?;
            Some([one.to_owned(), other.to_owned()])
        });
        acknowledged.extend(stored.take(20).flatten());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    assert_eq!(acknowledged.len(), 3 * 20 * 2);
    for id in &acknowledged {
        let id = MessageId::new(id.as_str()).unwrap();
        let deliveries = store.deliveries().of_event(&id).await.unwrap();
        assert_eq!(deliveries.len(), 2, "{id} goes to both endpoints");
    }
    let leases = store
        .outbox()
        .lease(NonZeroU16::MAX, everything())
        .await
        .unwrap();
    let events: HashSet<_> = leases.iter().map(|lease| &lease.work.event).collect();
    assert_eq!(leases.len(), events.len() * 2);
    assert_eq!(events.len() % 2, 0, "each call stored both of its events");
    assert!(events.len() >= acknowledged.len());
}

#[tokio::test]
async fn what_is_leased_is_signed_so_that_the_receiver_accepts_it() {
    let dir = tempfile::TempDir::new().unwrap();
    let store = open(dir.path()).await;
    add_endpoint(&store, "one").await;
    let emitter = store.emitter();
    let id = emitter.emit(created(1)).await.unwrap();

    let lease = store
        .outbox()
        .lease(NonZeroU16::MAX, everything())
        .await
        .unwrap()
        .remove(0);
    let now = SystemClock.now();
    let signer = lease.work.endpoint.signer(now).unwrap();
    let mut headers = http::HeaderMap::new();
    signer
        .sign_at(&lease.work.event, now.to_secs(), &lease.work.payload)
        .apply(&mut headers);

    let verifier = Verifier::new(Scheme::banata(), [SECRET]).unwrap();
    verifier.verify(&headers, &lease.work.payload).unwrap();
    let event = AuthEvent::from_slice(&lease.work.payload).unwrap();
    assert_eq!(event.id(), Some(id.as_str()));
}

#[tokio::test]
async fn an_application_stores_its_change_and_its_event_together() {
    let dir = tempfile::TempDir::new().unwrap();
    let store = open(dir.path()).await;
    add_endpoint(&store, "one").await;
    let url = format!("sqlite://{}", dir.path().join("auth-sync.db").display());
    let app = sqlx::SqlitePool::connect(&url).await.unwrap();
    let emitter = store.emitter();

    let mut tx = app.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let id = emitter.emit_in(&mut *tx, created(1)).await.unwrap();
    assert_eq!(store.deliveries().of_event(&id).await.unwrap(), []);
    tx.commit().await.unwrap();

    let deliveries = store.deliveries().of_event(&id).await.unwrap();
    assert_eq!(deliveries[0].state, DeliveryState::Pending);
}

/// Structs that another crate cannot write out grow without breaking its store.
#[test]
fn a_store_outside_this_crate_can_make_all_that_it_returns() {
    let time = UnixMillis::from_millis;
    let secret = |text: &str| Secret::verbatim(text).unwrap();
    let previous = PreviousSecret::new(secret("whsec_fedcba9876543210fedcba9876543210"), time(9));
    let disabled = EndpointStatus::Disabled {
        at: time(3),
        because: tower_auth_sync::outbox::DisabledBecause::Operator,
    };
    let endpoint = Endpoint::from_stored(
        EndpointId::new("we_1").unwrap(),
        "https://crm.example.com/hook".parse().unwrap(),
        Scheme::banata(),
        EndpointSecrets::new(secret(SECRET)).with_previous(previous),
        time(1),
    )
    .with_filter("user.*".parse().unwrap())
    .with_status(disabled)
    .with_health(Health::failing(time(2), 4));
    assert_eq!(endpoint.secrets.valid_at(time(8)).count(), 2);
    assert_eq!((endpoint.status, endpoint.health.failures()), (disabled, 4));

    let key = IdempotencyKey::new("sign-up").unwrap();
    let id = MessageId::new("msg_1").unwrap();
    let event = NewEvent::new(id.clone(), EventType::UserCreated, "{}".into());
    let event = event.with_idempotency_key(key.clone());
    assert_eq!(event.idempotency_key, Some(key));
    let delivery = DeliveryId::new("whd_1").unwrap();
    let (token, first) = (LeaseToken::new(1), AttemptNumber::FIRST);
    let endpoint = Arc::new(endpoint);
    let lease = DeliveryLease::new(
        delivery.clone(),
        token,
        first,
        DeliveryWork::new(event, Arc::clone(&endpoint)),
    );
    assert_eq!(
        (lease.work.event, &*lease.work.payload),
        (id.clone(), &b"{}"[..])
    );

    let finished = Delivery::from_stored(
        delivery,
        id,
        endpoint.id.clone(),
        DeliveryState::Delivered,
        time(2),
    )
    .with_attempts(1)
    .with_due_at(None)
    .with_ended_at(Some(time(8)));
    assert_eq!((finished.attempts, finished.ended_at), (1, Some(time(8))));
}

#[test]
fn a_worker_outside_this_crate_can_make_all_that_it_settles() {
    let time = UnixMillis::from_millis;
    let report = AttemptReport::new(time(4), Duration::from_millis(5))
        .with_response(Some(http::StatusCode::BAD_GATEWAY), "busy".into())
        .with_failure(Some(FailureReason::Status));
    let settlement = Settlement::new(report.clone(), Outcome::Retry { at: time(6) });
    let settlement = settlement.with_not_before(Some(time(7)));
    assert_eq!(settlement.not_before, Some(time(7)));
    assert_eq!(
        Attempt::new(AttemptNumber::FIRST, report.clone()).report,
        report
    );
}
