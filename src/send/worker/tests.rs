use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::*;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, EndpointId, MessageId};
use crate::base::secret::Secret;
use crate::http::egress::{EgressPolicy, Network};
use crate::queue::{
    AttemptNumber, LeaseRequest, LeaseToken, QueueListener, QueueNotify, RetryPolicy,
    WorkerConfigError,
};
use crate::send::outbox::{
    DeliveryLease, DeliveryLog as _, DeliveryWork, Emitter, Endpoint, EndpointSecrets, Endpoints,
    FailureReason, Inserted, MemoryOutbox, NewEndpoint, NewEvent, Outbox, OutboxStore, Outcome,
    PreviousSecret, Settled, Settlement,
};
use crate::testing::{ManualClock, SeededEntropy};
use crate::wire::event::{AuthEvent, EventType, User};
use crate::wire::scheme::Scheme;

const NOW: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);

/// How a call to the store goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Mode {
    #[default]
    Works,
    Unavailable,
    LeaseLost,
    Panics,
    Hangs,
}

impl Mode {
    async fn act(self) -> Result<(), StoreError> {
        match self {
            Self::Works => Ok(()),
            Self::Unavailable => Err(StoreError::unavailable("told to")),
            Self::LeaseLost => Err(StoreError::lease_lost()),
            Self::Panics => panic!("told to"),
            Self::Hangs => std::future::pending().await,
        }
    }
}

/// A store that hands out what it was given and does as it is told.
#[derive(Clone, Debug, Default)]
struct Told {
    state: Arc<Mutex<State>>,
    signal: QueueNotify,
}

#[derive(Debug, Default)]
struct State {
    due: VecDeque<DeliveryLease>,
    on_lease: Mode,
    on_prune: Mode,
    /// For the first calls of `settle`; those that follow work.
    on_settle: VecDeque<Mode>,
    stop_while_leasing: Option<CancellationToken>,
    asked: Vec<(Instant, LeaseRequest)>,
    per_endpoint: Option<NonZeroU16>,
    settled: Vec<Settlement>,
    settle_calls: usize,
    released: Vec<DeliveryId>,
    /// Events that are over.
    over: usize,
    pruned: Vec<(Instant, UnixMillis)>,
}

impl Told {
    fn with(deliveries: u64) -> Self {
        let told = Self::default();
        told.get(|state| state.due = (0..deliveries).map(lease).collect());
        told
    }

    fn get<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.state.lock().unwrap())
    }

    fn outbox(&self) -> Outbox {
        Outbox::new(self.clone())
    }

    fn worker(&self) -> Worker {
        Worker::builder(self.outbox())
            .clock(ManualClock::at(NOW))
            .entropy(SeededEntropy::new(1))
            .build()
            .unwrap()
    }
}

impl OutboxStore for Told {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn enqueue(
        &self,
        _events: Vec<NewEvent>,
        _now: UnixMillis,
    ) -> Result<Vec<Inserted>, StoreError> {
        Ok(Vec::new())
    }

    async fn lease(
        &self,
        per_endpoint: NonZeroU16,
        request: LeaseRequest,
    ) -> Result<Vec<DeliveryLease>, StoreError> {
        let mode = self.get(|state| {
            state.per_endpoint = Some(per_endpoint);
            state.asked.push((Instant::now(), request));
            state.on_lease
        });
        mode.act().await?;
        Ok(self.get(|state| {
            if let Some(stop) = &state.stop_while_leasing {
                stop.cancel();
            }
            let count = state.due.len().min(request.max.get().into());
            state.due.drain(..count).collect()
        }))
    }

    async fn settle(
        &self,
        _lease: &DeliveryLease,
        settlement: Settlement,
        _now: UnixMillis,
    ) -> Result<Settled, StoreError> {
        let mode = self.get(|state| {
            state.settle_calls += 1;
            state.on_settle.pop_front().unwrap_or_default()
        });
        mode.act().await?;
        self.get(|state| state.settled.push(settlement));
        Ok(Settled::default())
    }

    async fn extend(&self, _lease: &DeliveryLease, _until: UnixMillis) -> Result<(), StoreError> {
        Ok(())
    }

    async fn release(&self, lease: &DeliveryLease, _now: UnixMillis) -> Result<(), StoreError> {
        self.get(|state| state.released.push(lease.id.clone()));
        Ok(())
    }

    async fn next_due(
        &self,
        _per_endpoint: NonZeroU16,
        _now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        Ok(None)
    }

    async fn prune(&self, before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError> {
        let mode = self.get(|state| state.on_prune);
        mode.act().await?;
        Ok(self.get(|state| {
            state.pruned.push((Instant::now(), before));
            let batch = state.over.min(max.get().into());
            state.over -= batch;
            batch
        }))
    }

    fn listen(&self) -> QueueListener {
        self.signal.listen()
    }
}

/// A delivery to an address that the public policy blocks: its attempt ends without a socket.
fn lease(number: u64) -> DeliveryLease {
    let id = MessageId::new(format!("msg_{number}")).unwrap();
    DeliveryLease::new(
        DeliveryId::new(format!("whd_{number}")).unwrap(),
        LeaseToken::new(1),
        AttemptNumber::FIRST,
        DeliveryWork::new(
            NewEvent::new(id, EventType::UserCreated, Bytes::from_static(b"{}")),
            Arc::new(endpoint()),
        ),
    )
}

fn endpoint() -> Endpoint {
    let secret = Secret::new("whsec_0123456789abcdef0123456789abcdef").unwrap();
    Endpoint::from_stored(
        EndpointId::new("we_1").unwrap(),
        Url::parse("https://10.0.0.1/hook").unwrap(),
        Scheme::banata(),
        EndpointSecrets::new(secret),
        NOW,
    )
}

/// Runs a worker for this long, then stops it and waits for its end.
async fn run_for(worker: Worker, time: Duration) {
    let stop = CancellationToken::new();
    let run = tokio::spawn(worker.run(stop.clone()));
    tokio::time::sleep(time).await;
    stop.cancel();
    run.await.unwrap();
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let secs = Duration::from_secs;
    let built = |timeout, lease| {
        let builder = Worker::builder(Told::default().outbox());
        builder.timeout(timeout).lease(lease).build().map(drop)
    };
    assert!(built(secs(15), secs(25)).is_ok());
    assert!(matches!(
        built(secs(15), secs(24)),
        Err(WorkerConfigError::LeaseTooShort { lease, least })
            if lease == secs(24) && least == secs(25)
    ));
    assert!(matches!(
        built(Duration::MAX, secs(60)),
        Err(WorkerConfigError::LeaseTooShort { .. })
    ));
    assert!(matches!(
        built(Duration::ZERO, secs(60)),
        Err(WorkerConfigError::ZeroTimeout)
    ));
    let builder = || Worker::builder(Told::default().outbox());
    assert!(matches!(
        builder().poll(Duration::ZERO).build(),
        Err(WorkerConfigError::ZeroPoll)
    ));
    assert!(matches!(
        builder().extra_roots_pem("no certificate").build(),
        Err(WorkerConfigError::ExtraRoots(_))
    ));
}

#[tokio::test]
async fn a_blocked_attempt_is_recorded_without_telling_why() {
    let store = Told::with(1);
    let summary = store.worker().deliver_due().await.unwrap();
    assert_eq!((summary.delivered, summary.failed), (0, 1));
    let settlement = store.get(|state| state.settled.pop().unwrap());
    assert_eq!(settlement.report.failure, Some(FailureReason::Blocked));
    assert_eq!(settlement.report.status, None);
    let Outcome::Retry { at } = settlement.outcome else {
        panic!("{:?}", settlement.outcome);
    };
    let wait = at.saturating_since(NOW).as_secs();
    assert!((300..=360).contains(&wait), "{wait} s");
}

#[tokio::test]
async fn the_last_attempt_of_the_policy_exhausts_the_delivery() {
    let store = Told::with(1);
    let worker = Worker::builder(store.outbox())
        .retry(RetryPolicy::schedule([]).unwrap())
        .build()
        .unwrap();
    worker.deliver_due().await.unwrap();
    let settlement = store.get(|state| state.settled.pop().unwrap());
    assert_eq!(settlement.outcome, Outcome::Exhausted);
}

#[tokio::test]
async fn a_secret_that_cannot_sign_fails_the_attempt_and_not_the_worker() {
    let store = Told::with(2);
    store.get(|state| {
        let mut endpoint = endpoint();
        endpoint.secrets = EndpointSecrets::new(Secret::new("whsec_xy").unwrap());
        state.due[0].work.endpoint = Arc::new(endpoint);
    });
    let summary = store.worker().deliver_due().await.unwrap();
    assert_eq!(summary.failed, 2);
    let reasons = store.get(|state| {
        state
            .settled
            .iter()
            .map(|one| one.report.failure)
            .collect::<Vec<_>>()
    });
    assert!(reasons.contains(&Some(FailureReason::Unsendable)));
    assert!(reasons.contains(&Some(FailureReason::Blocked)));
}

#[tokio::test]
async fn during_a_rotation_an_attempt_is_signed_with_both_secrets_until_the_old_one_ends() {
    for (not_after, expected) in [(NOW.saturating_add(Duration::from_millis(1)), 2), (NOW, 1)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let store = Told::with(1);
        store.get(|state| {
            let mut endpoint = endpoint();
            let address = listener.local_addr().unwrap();
            endpoint.url = Url::parse(&format!("http://{address}/")).unwrap();
            let secret = Secret::new("whsec_fedcba9876543210fedcba9876543210").unwrap();
            endpoint.secrets.previous = Some(PreviousSecret::new(secret, not_after));
            state.due[0].work.endpoint = Arc::new(endpoint);
        });
        let worker = Worker::builder(store.outbox())
            .clock(ManualClock::at(NOW))
            .egress(EgressPolicy::allow(Network::LOOPBACK))
            .build()
            .unwrap();
        let sending = tokio::spawn(async move { worker.deliver_due().await });
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n{}") {
            read.push(stream.read_u8().await.unwrap());
        }
        drop(stream);
        sending.await.unwrap().unwrap();
        let signatures = String::from_utf8(read).unwrap().matches("v1=").count();
        assert_eq!(signatures, expected);
    }
}

#[tokio::test]
async fn everything_due_is_attempted_however_much_it_is() {
    let store = Told::with(100);
    let summary = store.worker().deliver_due().await.unwrap();
    assert_eq!(summary.failed, 100);
    let most = store.get(|state| state.asked.iter().map(|(_, asked)| asked.max.get()).max());
    assert_eq!(most, Some(16));
}

#[tokio::test]
async fn a_lease_ends_after_the_timeout_and_knows_the_last_attempt() {
    let store = Told::with(1);
    store.worker().deliver_due().await.unwrap();
    let (_, asked) = store.get(|state| state.asked[0]);
    assert_eq!(asked.now, NOW);
    assert_eq!(asked.until, NOW.saturating_add(Duration::from_secs(60)));
    assert_eq!(store.get(|state| state.per_endpoint), NonZeroU16::new(4));
    assert_eq!(asked.max_attempts.get(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_recorded_once_the_store_is_back() {
    let store = Told::with(1);
    store.get(|state| state.on_settle = VecDeque::from([Mode::Unavailable; 4]));
    let summary = store.worker().deliver_due().await.unwrap();
    assert_eq!(summary.failed, 1);
    assert_eq!(store.get(|state| state.settle_calls), 5);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_cannot_be_recorded_is_given_up_before_the_lease_ends() {
    let store = Told::with(1);
    store.get(|state| state.on_settle = VecDeque::from([Mode::Unavailable; 99]));
    let begun = Instant::now();
    let summary = store.worker().deliver_due().await.unwrap();
    assert_eq!((summary.failed, summary.unrecorded), (0, 1));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn the_outcome_of_a_lost_lease_is_discarded() {
    let store = Told::with(1);
    store.get(|state| state.on_settle = VecDeque::from([Mode::LeaseLost]));
    let summary = store.worker().deliver_due().await.unwrap();
    assert_eq!((summary.failed, summary.unrecorded), (0, 1));
    assert_eq!(store.get(|state| state.settle_calls), 1);
}

#[tokio::test]
async fn a_panic_in_one_attempt_leaves_the_others_alone() {
    let store = Told::with(3);
    store.get(|state| state.on_settle = VecDeque::from([Mode::Panics]));
    let summary = store.worker().deliver_due().await.unwrap();
    assert_eq!((summary.failed, summary.unrecorded), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_an_attempt_does_not_end_the_run() {
    let store = Told::with(1);
    store.get(|state| state.on_settle = VecDeque::from([Mode::Panics]));
    let stop = CancellationToken::new();
    let run = tokio::spawn(store.worker().run(stop.clone()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    store.get(|state| state.due.push_back(lease(7)));
    tokio::time::sleep(Duration::from_secs(5)).await;
    stop.cancel();
    run.await.unwrap();
    assert_eq!(store.get(|state| state.settled.len()), 1);
}

#[tokio::test]
async fn deliver_due_reports_that_the_store_failed() {
    let store = Told::with(1);
    store.get(|state| state.on_lease = Mode::Unavailable);
    let failed = store.worker().deliver_due().await;
    assert!(failed.unwrap_err().is_unavailable());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_asked_less_and_less_often() {
    let store = Told::with(1);
    store.get(|state| state.on_lease = Mode::Unavailable);
    // Not even a store that rings all the time is asked sooner.
    let ringing = store.signal.clone();
    let ringing = tokio::spawn(async move {
        loop {
            ringing.notify();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    run_for(store.worker(), Duration::from_mins(5)).await;
    ringing.abort();
    let times = store.get(|state| state.asked.iter().map(|(at, _)| *at).collect::<Vec<_>>());
    let pauses: Vec<_> = times
        .windows(2)
        .map(|two| (two[1] - two[0]).as_secs())
        .collect();
    for (pause, least) in pauses.iter().zip([1, 2, 4, 8, 16, 30, 30, 30, 30]) {
        assert!((least..=least * 6 / 5 + 1).contains(pause), "{pauses:?}");
    }
    assert!((9..=16).contains(&times.len()), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_back_is_used_again() {
    let store = Told::with(1);
    store.get(|state| state.on_lease = Mode::Unavailable);
    let stop = CancellationToken::new();
    let run = tokio::spawn(store.worker().run(stop.clone()));
    tokio::time::sleep(Duration::from_secs(20)).await;
    store.get(|state| state.on_lease = Mode::Works);
    tokio::time::sleep(Duration::from_secs(40)).await;
    stop.cancel();
    run.await.unwrap();
    assert_eq!(store.get(|state| state.settled.len()), 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_asks_once_per_pause_and_at_once_when_the_store_rings() {
    let store = Told::default();
    let worker = Worker::builder(store.outbox()).poll(Duration::from_secs(10));
    let stop = CancellationToken::new();
    let run = tokio::spawn(worker.build().unwrap().run(stop.clone()));
    tokio::time::sleep(Duration::from_secs(95)).await;
    assert_eq!(store.get(|state| state.asked.len()), 10);
    store.get(|state| state.due.push_back(lease(1)));
    store.signal.notify();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(store.get(|state| state.settled.len()), 1);
    stop.cancel();
    run.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_more_attempts_run_at_once_than_were_allowed() {
    let store = Told::with(50);
    store.get(|state| state.on_settle = VecDeque::from([Mode::Hangs; 50]));
    run_for(store.worker(), Duration::from_mins(1)).await;
    assert_eq!(store.get(|state| state.settle_calls), 16);
    assert_eq!(store.get(|state| state.due.len()), 34);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_run_although_an_attempt_hangs() {
    let store = Told::with(1);
    store.get(|state| state.on_settle = VecDeque::from([Mode::Hangs]));
    let stop = CancellationToken::new();
    let run = tokio::spawn(store.worker().run(stop.clone()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let stopped = Instant::now();
    stop.cancel();
    run.await.unwrap();
    assert_eq!(stopped.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_run_although_the_store_hangs() {
    let store = Told::with(1);
    store.get(|state| state.on_lease = Mode::Hangs);
    let begun = Instant::now();
    run_for(store.worker(), Duration::from_secs(1)).await;
    assert_eq!(begun.elapsed().as_secs(), 21);
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_stops_at_once() {
    let begun = Instant::now();
    let worker = Told::default().worker();
    run_for(worker, Duration::from_millis(1_500)).await;
    assert!(begun.elapsed() < Duration::from_millis(1_600));
}

#[tokio::test]
async fn what_was_leased_during_a_stop_is_given_back() {
    let store = Told::with(3);
    let stop = CancellationToken::new();
    store.get(|state| state.stop_while_leasing = Some(stop.clone()));
    store.worker().run(stop).await;
    assert_eq!(store.get(|state| state.released.len()), 3);
    assert_eq!(store.get(|state| state.settle_calls), 0);
}

#[tokio::test(start_paused = true)]
async fn what_has_been_over_for_30_days_is_deleted_batch_by_batch() {
    let store = Told::default();
    store.get(|state| state.over = 950);
    let begun = Instant::now();
    run_for(store.worker(), Duration::from_mins(3)).await;
    let (over, pruned) = store.get(|state| (state.over, state.pruned.clone()));
    assert_eq!(over, 0);
    let month = Duration::from_hours(30 * 24);
    assert!(pruned.iter().all(|one| one.1 == NOW.saturating_sub(month)));
    assert!(pruned[9].0 - begun < Duration::from_secs(5), "ten batches");
    assert_eq!(pruned.len(), 12, "then once a minute");
}

#[tokio::test(start_paused = true)]
async fn a_retention_without_end_deletes_nothing() {
    let store = Told::default();
    let worker = Worker::builder(store.outbox()).retention(Duration::MAX);
    run_for(worker.build().unwrap(), Duration::from_hours(1)).await;
    assert!(store.get(|state| state.pruned.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn neither_a_prune_that_fails_nor_one_that_hangs_holds_up_deliveries() {
    for mode in [Mode::Unavailable, Mode::Hangs] {
        let store = Told::default();
        store.get(|state| state.on_prune = mode);
        let stop = CancellationToken::new();
        let run = tokio::spawn(store.worker().run(stop.clone()));
        tokio::time::sleep(Duration::from_mins(5)).await;
        store.get(|state| state.due.push_back(lease(1)));
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(store.get(|state| state.settled.len()), 1, "{mode:?}");
        stop.cancel();
        run.await.unwrap();
    }
}

#[tokio::test]
async fn a_program_started_by_a_timer_deletes_everything_at_once() {
    let store = Told::default();
    store.get(|state| state.over = 250);
    assert_eq!(store.worker().prune().await.unwrap(), 250);
}

/// A running worker is no later than its poll pause, whatever the clock did meanwhile: its pauses run
/// on tokio's timer.
#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_does_not_put_a_running_worker_to_sleep() {
    let private = EgressPolicy::allow(["10.0.0.0/8".parse().unwrap()]);
    let secret = "whsec_0123456789abcdef0123456789abcdef";
    let blocked =
        NewEndpoint::new_with("https://10.0.0.1/hook", Scheme::banata(), secret, &private);
    let store = MemoryOutbox::new();
    let endpoints = Endpoints::from(&store);
    assert!(endpoints.create(blocked.unwrap()).await.is_ok());
    let clock = ManualClock::at(NOW);
    let worker = Worker::builder(store.clone()).clock(clock.clone());
    let stop = CancellationToken::new();
    let run = tokio::spawn(worker.build().unwrap().run(stop.clone()));
    let emitter = Emitter::new(store.clone()).with_clock(clock.clone());
    let event = AuthEvent::user_created(&User::new("usr_1"));
    let event = emitter.emit(event).await.unwrap();
    let day = Duration::from_hours(24);
    let attempts = async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        store.of_event(&event).await.unwrap()[0].attempts
    };
    assert_eq!(attempts().await, 1);
    clock.advance(day);
    assert_eq!(attempts().await, 2);
    clock.set(NOW);
    assert_eq!(attempts().await, 2);
    clock.set(NOW.saturating_add(2 * day));
    assert_eq!(attempts().await, 3);
    stop.cancel();
    run.await.unwrap();
}
