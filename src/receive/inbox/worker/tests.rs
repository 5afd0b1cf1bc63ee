use std::convert::Infallible;
use std::future::{pending, ready};
use std::num::NonZeroU16;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::{Service, service_fn};

use super::*;
use crate::base::clock::{Clock, UnixMillis};
use crate::queue::RetryPolicy;
use crate::queue::WorkerConfigError;
use crate::receive::dedupe::Claimed;
use crate::receive::dedupe::{Identity, Message};
use crate::receive::inbox::entry::{Failure, InboxEntry, MessageState};
use crate::receive::inbox::handle::Inbox;
use crate::receive::inbox::memory::MemoryInbox;
use crate::receive::inbox::request::StoredRequest;
use crate::testing::{ManualClock, SeededEntropy};
use crate::wire::event::{VerifiedWebhook, WebhookHead};

const NOW: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);
const MAX: NonZeroU16 = NonZeroU16::MAX;

type Call = Request<Full<Bytes>>;
type HandlerResult<E> = Result<Response<()>, E>;

/// A clock that keeps step with tokio's.
#[derive(Debug)]
struct Stepping(Instant);

impl Clock for Stepping {
    fn now(&self) -> UnixMillis {
        NOW.saturating_add(self.0.elapsed())
    }
}

fn inbox() -> Inbox {
    MemoryInbox::new().inbox("crm").unwrap()
}

async fn receive(inbox: &Inbox, id: &str) {
    let body = format!("body of {id}");
    let (mut parts, ()) = Request::post("/hook?a=b").body(()).unwrap().into_parts();
    parts.headers.insert("x-sender", "s".parse().unwrap());
    let delivered = VerifiedWebhook::new(
        WebhookHead {
            id: Some(id.into()),
            id_is_authentic: true,
            sent_at: Some(NOW),
            scheme: "banata".into(),
            key_index: 0,
            tenant: Some("acme".into()),
        },
        body.clone().into(),
    );
    let message = Message {
        tenant: Some("acme"),
        identity: Identity::Signed(id),
        sent_at: Some(NOW),
        replayable: Duration::ZERO,
    };
    let request = StoredRequest::of(&parts, &delivered);
    let received = inbox.receive(&message, request, NOW).await.unwrap();
    assert_eq!(received, Claimed::Fresh { other_body: false });
}

fn answering(
    status: u16,
) -> impl Service<Call, Response = Response<()>, Error = Infallible, Future: Send> + Clone + Send {
    service_fn(move |_: Call| {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        ready(Ok(response))
    })
}

fn quick(builder: InboxWorkerBuilder, clock: &ManualClock) -> InboxWorker {
    let builder = builder.clock(clock.clone()).entropy(SeededEntropy::new(1));
    builder.build().unwrap()
}

async fn failed(inbox: &Inbox) -> Vec<InboxEntry> {
    inbox.failed(None, MAX).await.unwrap()
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let builder = || InboxWorker::builder(inbox(), answering(200));
    let secs = Duration::from_secs;
    assert!(
        builder()
            .lease(secs(10))
            .timeout(Duration::MAX)
            .build()
            .is_ok()
    );
    assert!(matches!(
        builder().lease(secs(9)).build(),
        Err(WorkerConfigError::LeaseTooShort { lease, least })
            if lease == secs(9) && least == secs(10)
    ));
    assert!(matches!(
        builder().timeout(Duration::ZERO).build(),
        Err(WorkerConfigError::ZeroTimeout)
    ));
    assert!(matches!(
        builder().poll(Duration::ZERO).build(),
        Err(WorkerConfigError::ZeroPoll)
    ));
}

#[tokio::test]
async fn the_handler_gets_the_request_as_it_was_verified() {
    let inbox = inbox();
    receive(&inbox, "msg_1").await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let service = service_fn(move |request: Call| {
        let sink = Arc::clone(&sink);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            sink.lock().unwrap().push((parts, body));
            HandlerResult::<Infallible>::Ok(Response::new(()))
        }
    });
    let worker = quick(
        InboxWorker::builder(inbox.clone(), service),
        &ManualClock::at(NOW),
    );
    assert_eq!(worker.run_due().await.unwrap().done, 1);
    assert_eq!(worker.run_due().await.unwrap(), InboxSummary::default());

    let (parts, body) = seen.lock().unwrap().pop().unwrap();
    assert_eq!(parts.method, http::Method::POST);
    assert_eq!(parts.uri, "/hook?a=b");
    assert_eq!(parts.headers["x-sender"], "s");
    let delivered = parts.extensions.get::<VerifiedWebhook>().unwrap();
    assert_eq!(delivered.id(), Some("msg_1"));
    assert_eq!(
        (delivered.scheme(), delivered.tenant()),
        ("banata", Some("acme"))
    );
    assert_eq!(delivered.body(), &body);
    assert_eq!(body, "body of msg_1");
}

#[tokio::test(start_paused = true)]
async fn everything_but_2xx_is_tried_again_as_the_policy_says_and_then_failed() {
    async fn fails<S>(service: S, expected: Failure)
    where
        S: Service<Call, Response = Response<()>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
    {
        let (inbox, clock) = (inbox(), ManualClock::at(NOW));
        receive(&inbox, "msg_1").await;
        let policy = RetryPolicy::schedule([60, 600].map(Duration::from_secs)).unwrap();
        let builder = InboxWorker::builder(inbox.clone(), service);
        let worker = quick(builder.retry(policy), &clock);
        for wait in [0, 60, 600] {
            // Jitter lengthens the wait by a fifth at most.
            clock.advance(Duration::from_secs(wait).saturating_sub(Duration::from_millis(1)));
            if wait > 0 {
                assert_eq!(
                    worker.run_due().await.unwrap().failed,
                    0,
                    "not before its time"
                );
            }
            clock.advance(Duration::from_secs(wait / 5) + Duration::from_millis(1));
            assert_eq!(worker.run_due().await.unwrap().failed, 1);
        }
        let [record] = &failed(&inbox).await[..] else {
            panic!("it has failed");
        };
        assert_eq!(record.failure, Some(expected));
        assert_eq!((record.state, record.attempts), (MessageState::Failed, 3));
        assert_eq!(record.message_id.as_deref(), Some("msg_1"));
    }

    for status in [199, 300, 404, 410, 429, 500] {
        let expected = Failure::Status(StatusCode::from_u16(status).unwrap());
        fails(answering(status), expected).await;
    }
    let erring = service_fn(|_: Call| ready(HandlerResult::Err("an error")));
    fails(erring, Failure::Error).await;
    let panicking = service_fn(|_: Call| async { panic!("told to") as HandlerResult<Infallible> });
    fails(panicking, Failure::Panic).await;
    let hanging = service_fn(|_: Call| pending::<HandlerResult<Infallible>>());
    fails(hanging, Failure::Timeout).await;
    fails(NeverReady, Failure::Timeout).await;
    fails(Unready, Failure::Error).await;
}

#[derive(Clone)]
struct NeverReady;

impl Service<Call> for NeverReady {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = std::future::Ready<HandlerResult<Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _request: Call) -> Self::Future {
        panic!("called before it was ready")
    }
}

#[derive(Clone)]
struct Unready;

impl Service<Call> for Unready {
    type Response = Response<()>;
    type Error = &'static str;
    type Future = std::future::Ready<HandlerResult<&'static str>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Err("will never be ready"))
    }

    fn call(&mut self, _request: Call) -> Self::Future {
        panic!("called before it was ready")
    }
}

/// Ready from the second poll on; a clone is not ready because its original was.
struct Reserving {
    polls: usize,
}

impl Clone for Reserving {
    fn clone(&self) -> Self {
        Self { polls: 0 }
    }
}

impl Service<Call> for Reserving {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = HandlerResult<Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.polls += 1;
        if self.polls < 2 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Call) -> Self::Future {
        assert_eq!(self.polls, 2, "the very service that was ready is called");
        Box::pin(ready(Ok(Response::new(()))))
    }
}

#[tokio::test]
async fn each_run_calls_the_clone_that_was_polled_ready() {
    let inbox = inbox();
    for id in ["a", "b", "c"] {
        receive(&inbox, id).await;
    }
    let worker = InboxWorker::builder(inbox, Reserving { polls: 0 });
    let summary = quick(worker, &ManualClock::at(NOW))
        .run_due()
        .await
        .unwrap();
    assert_eq!(summary.done, 3);
}

#[tokio::test]
async fn a_failed_message_is_handled_after_it_was_requeued() {
    let clock = ManualClock::at(NOW);
    let inbox = inbox().with_clock(clock.clone());
    receive(&inbox, "msg_1").await;
    let once = RetryPolicy::schedule([]).unwrap();
    let broken = InboxWorker::builder(inbox.clone(), answering(500)).retry(once);
    quick(broken, &clock).run_due().await.unwrap();
    let id = failed(&inbox).await.remove(0).id;
    assert!(inbox.requeue(&id).await.unwrap());
    let mended = quick(InboxWorker::builder(inbox.clone(), answering(200)), &clock);
    assert_eq!(mended.run_due().await.unwrap().done, 1);
    let record = inbox.find(&id).await.unwrap().unwrap();
    assert_eq!((record.state, record.failure), (MessageState::Done, None));
    assert_eq!(record.message_id, None);
}

#[tokio::test]
async fn a_request_that_cannot_be_read_fails_at_once() {
    let inbox = inbox();
    let message = Message {
        tenant: None,
        identity: Identity::Signed("a"),
        sent_at: None,
        replayable: Duration::ZERO,
    };
    let damaged = StoredRequest::from_stored(Bytes::from_static(b"?"), Bytes::new());
    inbox.receive(&message, damaged, NOW).await.unwrap();
    let worker = quick(
        InboxWorker::builder(inbox.clone(), answering(200)),
        &ManualClock::at(NOW),
    );
    assert_eq!(worker.run_due().await.unwrap().failed, 1);
    assert_eq!(failed(&inbox).await[0].failure, Some(Failure::Unreadable));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_longer_than_a_lease_keeps_its_message() {
    let inbox = inbox();
    receive(&inbox, "msg_1").await;
    let runs = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let worker = || {
        let runs = Arc::clone(&runs);
        let service = service_fn(move |_: Call| {
            runs.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::time::sleep(Duration::from_secs(299)).await;
                HandlerResult::<Infallible>::Ok(Response::new(()))
            }
        });
        let builder = InboxWorker::builder(inbox.clone(), service);
        let builder = builder
            .clock(Stepping(start))
            .lease(Duration::from_secs(10));
        builder.build().unwrap()
    };
    let stop = CancellationToken::new();
    let run = tokio::spawn(worker().run(stop.clone()));
    let other = tokio::spawn(worker().run(stop.clone()));
    tokio::time::sleep(Duration::from_secs(400)).await;
    stop.cancel();
    run.await.unwrap();
    other.await.unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert_eq!(inbox.next_due(NOW).await.unwrap(), None);
    assert_eq!(failed(&inbox).await, []);
}

/// Runs the handler until `end`, and lets another worker take the message over meanwhile.
async fn taken_over(end: impl Fn(Arc<Notify>) + Send) -> (InboxSummary, Inbox) {
    let (inbox, clock) = (inbox(), ManualClock::at(NOW));
    receive(&inbox, "msg_1").await;
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, told) = (Arc::clone(&begun), Arc::clone(&go_on));
    let service = service_fn(move |_: Call| {
        let (tell, told) = (Arc::clone(&tell), Arc::clone(&told));
        async move {
            tell.notify_one();
            told.notified().await;
            HandlerResult::<Infallible>::Ok(Response::new(()))
        }
    });
    let slow = quick(InboxWorker::builder(inbox.clone(), service), &clock);
    let slow = tokio::spawn(async move { slow.run_due().await.unwrap() });
    begun.notified().await;
    clock.advance(Duration::from_secs(61));
    let quick = quick(InboxWorker::builder(inbox.clone(), answering(500)), &clock);
    assert_eq!(quick.run_due().await.unwrap().failed, 1);
    end(go_on);
    (slow.await.unwrap(), inbox)
}

#[tokio::test(start_paused = true)]
async fn the_outcome_of_a_worker_that_lost_its_lease_is_discarded() {
    let (summary, inbox) = taken_over(|go_on| go_on.notify_one()).await;
    assert_eq!((summary.done, summary.unrecorded), (0, 1));
    let due = inbox.next_due(NOW).await.unwrap();
    assert!(due.is_some_and(|due| due > NOW), "the retry stands");
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_lease_is_lost_is_stopped() {
    let begun = Instant::now();
    let (summary, _) = taken_over(|_never| {}).await;
    assert_eq!((summary.done, summary.unrecorded), (0, 1));
    let stopped = begun.elapsed().as_secs();
    assert!(
        (30..60).contains(&stopped),
        "at the next renewal, after {stopped} s"
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_told_to_stop_lets_handlers_finish_up_to_the_limit() {
    for (takes, finished) in [(19, true), (21, false)] {
        let inbox = inbox();
        receive(&inbox, "msg_1").await;
        let begun = Arc::new(Notify::new());
        let tell = Arc::clone(&begun);
        let service = service_fn(move |_: Call| {
            let tell = Arc::clone(&tell);
            async move {
                tell.notify_one();
                tokio::time::sleep(Duration::from_secs(takes)).await;
                HandlerResult::<Infallible>::Ok(Response::new(()))
            }
        });
        let builder = InboxWorker::builder(inbox.clone(), service);
        let worker = quick(builder, &ManualClock::at(NOW));
        let stop = CancellationToken::new();
        let run = tokio::spawn(worker.run(stop.clone()));
        begun.notified().await;
        let stopped = Instant::now();
        stop.cancel();
        run.await.unwrap();
        assert_eq!(stopped.elapsed().as_secs(), takes.min(20));
        let left = inbox.next_due(NOW).await.unwrap();
        assert_eq!(left.is_none(), finished);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_handled_30_days_ago_is_deleted() {
    let (inbox, clock) = (inbox(), ManualClock::at(NOW));
    receive(&inbox, "msg_1").await;
    let worker = quick(InboxWorker::builder(inbox.clone(), answering(200)), &clock);
    worker.run_due().await.unwrap();
    clock.advance(Duration::from_hours(30 * 24));
    assert_eq!(worker.prune().await.unwrap(), 0);
    clock.advance(Duration::from_millis(1));
    assert_eq!(worker.prune().await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_run_is_counted_by_its_outcome() {
    let counted = crate::metrics::counted::Counted::begin();
    let inbox = inbox();
    let clock = ManualClock::at(NOW);
    let twice = RetryPolicy::attempts(std::num::NonZeroU32::new(2).unwrap());
    for (id, status) in [("msg_1", 204), ("msg_2", 500)] {
        receive(&inbox, id).await;
        let builder = InboxWorker::builder(inbox.clone(), answering(status));
        let worker = quick(builder.retry(twice.clone()), &clock);
        worker.run_due().await.unwrap();
        clock.advance(Duration::from_hours(24));
        worker.run_due().await.unwrap();
    }
    let read = counted.read();
    for outcome in ["done", "retry", "failed"] {
        let name = format!("inbox_runs_total{{source=crm,outcome={outcome}}}");
        assert_eq!(read.get(&name), Some(&vec![1.0]), "{name} in {read:#?}");
    }
    assert_eq!(read["inbox_run_duration_seconds{source=crm}"].len(), 3);
}
