//! Telling operators now and then why requests are refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::runtime::Handle;
use tracing::{Span, dispatcher};

use super::keys::Keys;
use crate::clock::UnixMillis;

/// A diagnosis may take tens of milliseconds of a core, and strangers can ask for it.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

const NEVER: u64 = u64::MAX;

/// Looks at one refused request per interval. Clones share the interval.
#[derive(Clone, Debug)]
pub(super) struct Doctor {
    interval: Duration,
    /// When the last request was taken, in milliseconds of the verifier's clock.
    last: Arc<AtomicU64>,
}

impl Doctor {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval: interval.max(LEAST_INTERVAL),
            last: Arc::new(AtomicU64::new(NEVER)),
        }
    }

    /// Takes this interval's turn; `false` if another request has it.
    pub(super) fn takes(&self, now: UnixMillis) -> bool {
        let now = now.as_millis();
        let last = self.last.load(Ordering::Relaxed);
        // A clock that was set back does not silence the doctor for longer than the interval.
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
}

/// Diagnoses the request in the background: the answer does not wait, and no task is held up.
pub(super) fn examine(keys: &Keys, headers: &HeaderMap, body: Bytes) {
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    let (keys, headers, span) = (keys.clone(), headers.clone(), Span::current());
    let log = dispatcher::get_default(Clone::clone);
    runtime.spawn_blocking(move || {
        dispatcher::with_default(&log, || span.in_scope(|| tell(&keys, &headers, &body)));
    });
}

fn tell(keys: &Keys, headers: &HeaderMap, body: &[u8]) {
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
            let one = doctor.takes(at(secs));
            assert!(!clone.takes(at(secs)), "{secs}");
            one
        });
        let expected = [true, false, true, false, true, false, false, false];
        assert_eq!(taken, expected);
    }

    #[test]
    fn an_interval_is_a_second_at_least() {
        let doctor = Doctor::new(Duration::ZERO);
        assert!(doctor.takes(at(1)));
        assert!(!doctor.takes(UnixMillis::from_millis(1999)));
        assert!(doctor.takes(at(2)));
    }

    #[test]
    fn of_many_at_once_one_is_taken() {
        let doctor = Doctor::new(Duration::from_secs(60));
        let taken = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| doctor.takes(at(1))))
                .collect();
            let taken = threads.into_iter().map(|thread| thread.join().unwrap());
            taken.filter(|taken| *taken).count()
        });
        assert_eq!(taken, 1);
    }
}
