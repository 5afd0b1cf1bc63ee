//! Logs now and then why requests are refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::runtime::Handle;
use tracing::{Span, dispatcher};

use super::keys::RequestKeys;
use crate::base::clock::UnixMillis;

/// A diagnosis may hash 64 MiB, and strangers can cause one.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

const NEVER: u64 = u64::MAX;

/// Diagnoses one refused request per interval, one at a time. Clones share both bounds.
#[derive(Clone, Debug)]
pub(super) struct Doctor {
    interval: Duration,
    /// Time of the last diagnosis, in milliseconds of the verifier's clock.
    last: Arc<AtomicU64>,
    is_running: Arc<AtomicBool>,
}

/// A running diagnosis; ends when dropped.
struct DiagnosisGuard(Arc<AtomicBool>);

impl Doctor {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval: interval.max(LEAST_INTERVAL),
            last: Arc::new(AtomicU64::new(NEVER)),
            is_running: Arc::default(),
        }
    }

    /// Takes the turn of this interval. Returns `false` if another request has taken it, or a
    /// diagnosis runs.
    pub(super) fn take_turn(&self, now: UnixMillis) -> bool {
        if self.is_running.load(Ordering::Relaxed) {
            return false;
        }
        let now = now.as_millis();
        let last = self.last.load(Ordering::Relaxed);
        // A clock that was set back silences the doctor for at most the interval.
        let passed = Duration::from_millis(now.abs_diff(last));
        let is_due = last == NEVER || passed >= self.interval;
        let take = || {
            let taken = self
                .last
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed);
            taken.is_ok()
        };
        is_due && take()
    }

    /// Diagnoses the request in the background: neither the response nor a task waits.
    ///
    /// Does nothing if another diagnosis runs: one may have started while this body arrived.
    pub(super) fn examine(&self, keys: &RequestKeys, headers: &HeaderMap, body: Bytes) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let Some(running) = self.begin() else {
            return;
        };
        let (keys, headers, span) = (keys.clone(), headers.clone(), Span::current());
        let log = dispatcher::get_default(Clone::clone);
        runtime.spawn_blocking(move || {
            let _running = running;
            dispatcher::with_default(&log, || {
                span.in_scope(|| log_diagnosis(&keys, &headers, &body))
            });
        });
    }

    fn begin(&self) -> Option<DiagnosisGuard> {
        let was_running = self.is_running.swap(true, Ordering::Acquire);
        (!was_running).then(|| DiagnosisGuard(Arc::clone(&self.is_running)))
    }
}

impl Drop for DiagnosisGuard {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn log_diagnosis(keys: &RequestKeys, headers: &HeaderMap, body: &[u8]) {
    let scheme = keys.verifier.scheme().name();
    let tenant = keys.tenant.as_deref();
    for diagnosis in keys.verifier.diagnose(headers, body) {
        tracing::warn!(scheme, tenant, %diagnosis, "why a webhook was refused");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> UnixMillis {
        UnixMillis::from_millis(secs * 1000)
    }

    #[test]
    fn one_request_per_interval_is_taken_also_by_clones_and_after_the_clock_was_set_back() {
        let doctor = Doctor::new(Duration::from_secs(60));
        let clone = doctor.clone();
        let taken = [1000, 1059, 1060, 1061, 1000, 941, 1000, 1001].map(|secs| {
            let one = doctor.take_turn(at(secs));
            assert!(!clone.take_turn(at(secs)), "{secs}");
            one
        });
        let expected = [true, false, true, false, true, false, false, false];
        assert_eq!(taken, expected);
    }

    #[test]
    fn an_interval_is_a_second_at_least() {
        let doctor = Doctor::new(Duration::ZERO);
        assert!(doctor.take_turn(at(1)));
        assert!(!doctor.take_turn(UnixMillis::from_millis(1999)));
        assert!(doctor.take_turn(at(2)));
    }

    #[test]
    fn while_one_runs_no_turn_is_taken_and_no_other_begins() {
        let doctor = Doctor::new(Duration::from_secs(1));
        let clone = doctor.clone();
        let running = doctor.begin().unwrap();
        assert!(!clone.take_turn(at(1)));
        assert!(clone.begin().is_none());
        assert!(clone.begin().is_none());
        drop(running);
        assert!(clone.take_turn(at(1)));
    }

    #[test]
    fn a_diagnosis_that_panics_has_ended() {
        let doctor = Doctor::new(Duration::from_secs(1));
        let running = doctor.begin().unwrap();
        let thread = std::thread::spawn(move || {
            let _running = running;
            panic!("as a test");
        });
        assert!(thread.join().is_err());
        assert!(doctor.take_turn(at(1)));
        assert!(doctor.begin().is_some());
    }

    #[test]
    fn of_many_at_once_one_is_taken() {
        let doctor = Doctor::new(Duration::from_secs(60));
        let taken = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| doctor.take_turn(at(1))))
                .collect();
            let taken = threads.into_iter().map(|thread| thread.join().unwrap());
            taken.filter(|taken| *taken).count()
        });
        assert_eq!(taken, 1);
    }
}
