//! The loop: lease, begin, wait.

use std::error::Error;
use std::num::NonZeroU16;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Worker;
use super::attempt::Ended;
use super::shutdown::{drain, finished, overdue};
use crate::clock::UnixMillis;
use crate::delivery::{DeliveryStore, Lease, LeaseRequest, WorkListener};
use crate::store_error::StoreError;

impl<S: DeliveryStore> Worker<S> {
    /// Delivers until `stop` is cancelled, then waits for running attempts up to the
    /// [drain limit](super::WorkerBuilder::drain).
    ///
    /// Attempts still running after the limit are dropped; their leases end by themselves and
    /// another worker takes them over. The same happens to all of them when this future is dropped.
    /// While the store fails it is asked again after 1 s, 2 s, 4 s and so on, up to 30 s.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            biased;
            () = self.keep_delivering(&stop) => {}
            () = self.keep_pruning() => {}
        }
    }

    async fn keep_delivering(&self, stop: &CancellationToken) {
        let mut listener = self.courier.store.listen();
        let mut running = JoinSet::new();
        let mut failures = 0;
        while !stop.is_cancelled() {
            let filled = tokio::select! {
                biased;
                filled = self.fill(&mut running, stop) => filled,
                () = overdue(stop, self.limits.drain) => break,
            };
            let wait = match filled {
                Ok(pause) => {
                    failures = 0;
                    Wait::For(pause)
                }
                Err(error) => {
                    let cause = &error as &(dyn Error + 'static);
                    tracing::warn!(error = cause, "cannot lease deliveries");
                    failures += 1;
                    Wait::BackOff(self.back_off(failures))
                }
            };
            wait.out(&mut running, &mut listener, stop).await;
        }
        drain(running, self.limits.drain).await;
    }

    /// Makes one attempt at everything that is due when it is called, and returns when all of them
    /// have ended.
    ///
    /// For programs that are started by a timer, and for tests with a clock of their own. What
    /// [`run`](Self::run) does beyond it is to wait for more.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not say what is due. Attempts that had begun by then have
    /// been finished.
    pub async fn deliver_due(&self) -> Result<Summary, StoreError> {
        let due = self.courier.clock.now();
        let mut running = JoinSet::new();
        let mut summary = Summary::default();
        let mut leased = Ok(());
        loop {
            if let (Ok(()), Some(room)) = (&leased, self.room(&running)) {
                let leases = self.lease(room, due).await;
                leased = leases.map(|leases| self.begin(leases, &mut running));
            }
            match running.join_next().await {
                Some(ended) => summary.count(finished(ended)),
                None => return leased.map(|()| summary),
            }
        }
    }

    /// Leases as much as there is room for and begins it. Returns after what time there may be
    /// more, unless an attempt ends or the store rings before.
    async fn fill(
        &self,
        running: &mut JoinSet<Ended>,
        stop: &CancellationToken,
    ) -> Result<Duration, StoreError> {
        let poll = self.limits.poll;
        let Some(room) = self.room(running) else {
            return Ok(poll);
        };
        let now = self.courier.clock.now();
        let leases = self.lease(room, now).await?;
        if stop.is_cancelled() {
            self.release(leases).await;
            return Ok(poll);
        }
        let is_full = leases.len() >= usize::from(room.get());
        self.begin(leases, running);
        if is_full {
            return Ok(poll);
        }
        let per_endpoint = self.limits.per_endpoint;
        let next = self.courier.store.next_due(per_endpoint, now).await?;
        let pause = next.map_or(poll, |at| at.saturating_since(now));
        Ok(pause.max(SHORTEST_PAUSE).min(poll))
    }

    fn room(&self, running: &JoinSet<Ended>) -> Option<NonZeroU16> {
        let running = u16::try_from(running.len()).unwrap_or(u16::MAX);
        NonZeroU16::new(self.limits.concurrency.get().saturating_sub(running))
    }

    async fn lease(&self, max: NonZeroU16, due: UnixMillis) -> Result<Vec<Lease>, StoreError> {
        let until = self.courier.clock.now().saturating_add(self.limits.lease);
        let request = LeaseRequest {
            max,
            per_endpoint: self.limits.per_endpoint,
            max_attempts: self.courier.retry.max_attempts(),
            now: due,
            until,
        };
        self.courier.store.lease(request).await
    }

    fn begin(&self, leases: Vec<Lease>, running: &mut JoinSet<Ended>) {
        for lease in leases {
            running.spawn(Arc::clone(&self.courier).deliver(lease));
        }
    }

    /// Gives back what was leased while the worker was told to stop.
    async fn release(&self, leases: Vec<Lease>) {
        for lease in leases {
            let now = self.courier.clock.now();
            if let Err(error) = self.courier.store.release(&lease, now).await {
                let cause = &error as &(dyn Error + 'static);
                let delivery = &lease.delivery;
                tracing::warn!(error = cause, %delivery, "a lease was not released; it will lapse");
            }
        }
    }

    fn back_off(&self, failures: u32) -> Duration {
        let doubled = FIRST_BACK_OFF.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let jitter = 1.0 + MAX_JITTER * self.courier.jitter();
        doubled.min(LONGEST_BACK_OFF).mul_f64(jitter)
    }
}

/// What a worker waits for.
enum Wait {
    /// This long, or less if an attempt ends or the store rings.
    For(Duration),
    /// This long, whatever happens.
    BackOff(Duration),
}

impl Wait {
    /// Waits; also ends when the worker is told to stop.
    async fn out(
        self,
        running: &mut JoinSet<Ended>,
        listener: &mut WorkListener,
        stop: &CancellationToken,
    ) {
        let (pause, is_back_off) = match self {
            Self::For(pause) => (pause, false),
            Self::BackOff(pause) => (pause, true),
        };
        let mut timer = pin!(tokio::time::sleep(pause));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(ended) = running.join_next() => {
                    finished(ended);
                    // What ended at the same time needs no lease call of its own.
                    while let Some(ended) = running.try_join_next() {
                        finished(ended);
                    }
                    if !is_back_off {
                        return;
                    }
                }
                () = listener.heard(), if !is_back_off => return,
                () = &mut timer => return,
            }
        }
    }
}

/// What a round of attempts came to.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// Attempts that succeeded.
    pub delivered: usize,
    /// Attempts that failed, whether another one follows or not.
    pub failed: usize,
    /// Attempts whose outcome was not recorded: the store failed, another worker had taken over, or
    /// the attempt panicked.
    pub unrecorded: usize,
}

impl Summary {
    const fn count(&mut self, ended: Ended) {
        let counter = match ended {
            Ended::Delivered => &mut self.delivered,
            Ended::Failed => &mut self.failed,
            Ended::Unrecorded => &mut self.unrecorded,
        };
        *counter += 1;
    }
}

/// Keeps a store that names a past time, without handing anything out, from being asked without a
/// pause.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// Spreads workers that lost the same store.
const MAX_JITTER: f64 = 0.2;
