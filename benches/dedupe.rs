//! What remembering a message in memory costs, beside an insert into a plain map under a lock.
//!
//! ```text
//! cargo bench --bench dedupe
//! ```
//!
//! All start empty and grow to a million messages, a thousand in turn, so that each one's growth is in
//! its time. The ratio of the sums is taken; then everything is done again.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops at what cannot be"
)]

mod sender;
mod turns;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_auth_sync::StoreError;
use tower_auth_sync::clock::{Clock, SystemClock, UnixMillis};
use tower_auth_sync::dedupe::{Claimed, Dedupe, DedupeKeys, DedupeStore, MemoryDedupe, Reply};
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::Verifier;
use tower_auth_sync::verify::VerifyWebhookLayer;

use self::sender::{IdInBody, SECRET, Sender};

const MESSAGES: usize = 1_000_000;
const IN_TURN: usize = 1_000;
const ROUNDS: usize = 9;
const LEASE: Duration = Duration::from_secs(60);

/// Keeps the all_keys that a layer claims messages by.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<DedupeKeys>>>);

impl DedupeStore for Recorder {
    fn claim(&self, keys: &DedupeKeys, _now: UnixMillis, _until: UnixMillis) -> Reply<Claimed> {
        self.0.lock().unwrap().push(keys.clone());
        Reply::Now(Ok(Claimed::Fresh { other_body: false }))
    }

    fn renew(&self, _keys: &DedupeKeys, _until: UnixMillis) -> Reply<()> {
        Reply::Now(Ok(()))
    }

    fn commit(&self, _keys: &DedupeKeys, _now: UnixMillis) -> Reply<()> {
        Reply::Now(Ok(()))
    }

    fn release(&self, _keys: &DedupeKeys) -> Reply<()> {
        Reply::Now(Ok(()))
    }
}

fn all_keys(scheme: Scheme, id_in_body: IdInBody, count: usize) -> Vec<DedupeKeys> {
    let recorder = Recorder::default();
    let dedupe = Dedupe::new(recorder.clone(), "bench").unwrap();
    let verifier = Verifier::new(scheme.clone(), [SECRET]).unwrap();
    let layer = VerifyWebhookLayer::new(verifier).with_dedupe(dedupe);
    let service = layer.layer(service_fn(async |_: Request<Full<Bytes>>| {
        Ok::<_, StoreError>(Response::new(Full::<Bytes>::default()))
    }));
    let mut sender = Sender::new(scheme, id_in_body, 100);
    for _ in 0..count {
        let (headers, body) = sender.next();
        let mut request = Request::post("/").body(Full::new(body)).unwrap();
        *request.headers_mut() = headers;
        at_once(service.clone().oneshot(request)).unwrap();
    }
    let mut all_keys = recorder.0.lock().unwrap();
    assert_eq!(all_keys.len(), count);
    std::mem::take(&mut all_keys)
}

/// Nothing here ever waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a store in memory answers at once"),
    }
}

struct Plain(Mutex<HashMap<u128, UnixMillis>>);

impl Plain {
    fn insert(&self, keys: &DedupeKeys, until: UnixMillis) {
        let key = u128::from_be_bytes(*keys.key().as_bytes());
        let before = self.0.lock().unwrap().insert(key, until);
        assert!(before.is_none());
    }
}

fn handle(store: &MemoryDedupe, keys: &DedupeKeys, now: UnixMillis) {
    let claimed = at_once(store.claim(keys, now, now.saturating_add(LEASE))).unwrap();
    assert!(matches!(claimed, Claimed::Fresh { .. }));
    at_once(store.commit(keys, now)).unwrap();
}

/// Returns the time of the plain map, and of ours with each kind of all_keys.
fn round(kinds: &[(&str, Vec<DedupeKeys>)]) -> Vec<Duration> {
    let capacity = NonZeroUsize::new(2 * MESSAGES).unwrap();
    let plain = Plain(Mutex::default());
    let stores: Vec<_> = kinds
        .iter()
        .map(|_| MemoryDedupe::with_capacity(capacity))
        .collect();
    let mut times = vec![Duration::ZERO; 1 + kinds.len()];
    let now = SystemClock.now();
    for from in (0..kinds[0].1.len()).step_by(IN_TURN) {
        let turn = from..from + IN_TURN;
        let start = Instant::now();
        for keys in &kinds[0].1[turn.clone()] {
            plain.insert(keys, now);
        }
        times[0] += start.elapsed();
        for (index, (_, all_keys)) in kinds.iter().enumerate() {
            let start = Instant::now();
            for keys in &all_keys[turn.clone()] {
                handle(&stores[index], keys, now);
            }
            times[1 + index] += start.elapsed();
        }
    }
    times
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let rounds = turns::rounds(ROUNDS);
    let count = if rounds == 1 { IN_TURN } else { MESSAGES };
    let kinds = [
        (
            "one key: a signed id",
            all_keys(Scheme::standard_webhooks(), IdInBody::AtRoot, count),
        ),
        (
            "one key: the id in the body",
            all_keys(Scheme::banata(), IdInBody::AtRoot, count),
        ),
        (
            "two keys: an unsigned id",
            all_keys(Scheme::banata(), IdInBody::Elsewhere, count),
        ),
    ];
    let times: Vec<_> = (0..rounds).map(|_| round(&kinds)).collect();
    let nanos = |index: usize| {
        let column = times.iter().map(|round| round[index].as_nanos() as f64);
        turns::median(column) / count as f64
    };
    turns::print_load();
    println!("{count} messages, medians of {rounds} rounds");
    println!("{:<30} {:>5.0} ns", "insert into a plain map", nanos(0));
    for (index, (kind, _)) in kinds.iter().enumerate() {
        let rate = |round: &Vec<Duration>| round[0].as_secs_f64() / round[1 + index].as_secs_f64();
        let rate = turns::median(times.iter().map(rate));
        let nanos = nanos(1 + index);
        println!("{kind:<30} {nanos:>5.0} ns   {rate:.2} of the plain map's rate");
    }
}
