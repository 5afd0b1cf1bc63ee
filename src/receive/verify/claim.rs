//! Holds the claim on a message: renews it, settles it, and releases it when dropped.

use std::error::Error;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::meters::{Operation, WebhookMeters};
use crate::base::clock::{Clock, UnixMillis};
use crate::base::error::StoreError;
use crate::queue::Backoff;
use crate::receive::dedupe::{Claimed, Dedupe, DedupeKeys, Message, Reply};

/// Time until a claim lapses without a renewal.
const LEASE: Duration = Duration::from_secs(60);

/// Time from a claim or a renewal to the next renewal.
const RENEW_AFTER: Duration = Duration::from_secs(30);

/// Pause after a failed renewal.
const RENEW_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Pauses before a failed commit is retried: 31 s together; a lease has at least 30 s left.
const COMMIT_AGAIN: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(16));
const COMMIT_RETRIES: usize = 5;

/// The right to handle one message. Dropping it releases the claim.
pub(super) struct MessageClaim {
    handle: ClaimHandle,
    renewal: Renewal,
    release_on_drop: bool,
}

/// Everything that a call of the store needs.
#[derive(Clone)]
struct ClaimHandle {
    dedupe: Dedupe,
    clock: Arc<dyn Clock>,
    keys: DedupeKeys,
    meters: WebhookMeters,
}

enum Renewal {
    /// The handler was never pending; the claim dates from this instant.
    NotTimed(Instant),
    Waiting(Pin<Box<Sleep>>),
    Renewing(Pin<Box<Sleep>>, Reply<()>),
    /// Another request holds the claim.
    Lost,
}

/// Result of a claim.
pub(super) enum ClaimResult {
    Granted {
        claim: MessageClaim,
        other_body: bool,
    },
    InFlight {
        until: UnixMillis,
    },
    Done,
}

impl MessageClaim {
    /// Claims `message` in the store.
    ///
    /// The store may hold the claim as soon as it is asked: a caller that stops waiting releases it
    /// as well.
    pub(super) async fn acquire(
        dedupe: &Dedupe,
        clock: &Arc<dyn Clock>,
        message: &Message<'_>,
        meters: &WebhookMeters,
    ) -> Result<ClaimResult, StoreError> {
        let mut claim = Self {
            handle: ClaimHandle {
                dedupe: dedupe.clone(),
                clock: Arc::clone(clock),
                keys: dedupe.keys(message),
                meters: meters.clone(),
            },
            // The lease starts here too: a handler may block before it is first pending.
            renewal: Renewal::NotTimed(Instant::now()),
            release_on_drop: true,
        };
        let now = clock.now();
        let until = now.saturating_add(LEASE);
        let claimed = dedupe.claim(&claim.handle.keys, now, until).await?;
        claim.release_on_drop = matches!(claimed, Claimed::Fresh { .. });
        Ok(match claimed {
            Claimed::Fresh { other_body } => ClaimResult::Granted { claim, other_body },
            Claimed::InFlight { until } => ClaimResult::InFlight { until },
            Claimed::Done => ClaimResult::Done,
        })
    }

    /// Renews the claim when due. Call whenever the handler is pending.
    pub(super) fn poll_renewal(&mut self, cx: &mut Context<'_>) {
        loop {
            self.renewal = match mem::replace(&mut self.renewal, Renewal::Lost) {
                Renewal::NotTimed(claimed_at) => {
                    Renewal::Waiting(Box::pin(sleep_until(claimed_at + RENEW_AFTER)))
                }
                Renewal::Waiting(mut timer) => {
                    if timer.as_mut().poll(cx).is_pending() {
                        self.renewal = Renewal::Waiting(timer);
                        return;
                    }
                    Renewal::Renewing(timer, self.handle.renew())
                }
                Renewal::Renewing(mut timer, mut reply) => match Pin::new(&mut reply).poll(cx) {
                    Poll::Pending => {
                        self.renewal = Renewal::Renewing(timer, reply);
                        return;
                    }
                    Poll::Ready(Err(err)) if err.is_lease_lost() => {
                        self.handle.meters.store_failed(Operation::Renew);
                        tracing::error!(
                            source = self.handle.dedupe.source(),
                            "the claim on a message that is being handled was lost; it may be handled twice"
                        );
                        return;
                    }
                    Poll::Ready(reply) => {
                        timer
                            .as_mut()
                            .reset(Instant::now() + self.handle.next_renewal(reply));
                        Renewal::Waiting(timer)
                    }
                },
                Renewal::Lost => return,
            };
        }
    }

    /// Commits the claim if the handler `succeeded`, and releases it otherwise.
    pub(super) fn settle(mut self, succeeded: bool) -> Settle {
        self.release_on_drop = false;
        Settle {
            reply: self.handle.settle(succeeded),
            handle: self.handle.clone(),
            succeeded,
            settled: false,
        }
    }
}

impl Drop for MessageClaim {
    fn drop(&mut self) {
        if self.release_on_drop {
            let reply = self.handle.release();
            self.handle.finish_in_background(reply, false);
        }
    }
}

/// Settles a claim before the response leaves. Dropped early, it continues in the background.
pub(super) struct Settle {
    handle: ClaimHandle,
    reply: Reply<()>,
    succeeded: bool,
    settled: bool,
}

impl Settle {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let reply = ready!(Pin::new(&mut self.reply).poll(cx));
        self.settled = true;
        if let Err(err) = reply {
            in_background(self.handle.clone().failed(err, self.succeeded));
        }
        Poll::Ready(())
    }
}

impl Drop for Settle {
    fn drop(&mut self) {
        if !self.settled {
            let reply = mem::replace(&mut self.reply, Reply::Now(Ok(())));
            self.handle.finish_in_background(reply, self.succeeded);
        }
    }
}

impl ClaimHandle {
    fn renew(&self) -> Reply<()> {
        let until = self.clock.now().saturating_add(LEASE);
        self.dedupe.renew(&self.keys, until)
    }

    fn next_renewal(&self, reply: Result<(), StoreError>) -> Duration {
        match reply {
            Ok(()) => RENEW_AFTER,
            Err(err) => {
                self.warn(Operation::Renew, &err, "a claim could not be renewed");
                RENEW_AGAIN_AFTER
            }
        }
    }

    fn settle(&self, succeeded: bool) -> Reply<()> {
        if succeeded {
            self.commit()
        } else {
            self.release()
        }
    }

    fn commit(&self) -> Reply<()> {
        self.dedupe.commit(&self.keys, self.clock.now())
    }

    fn release(&self) -> Reply<()> {
        self.dedupe.release(&self.keys)
    }

    fn finish_in_background(&self, reply: Reply<()>, succeeded: bool) {
        // A store in memory is done and needs no runtime.
        if matches!(reply, Reply::Now(Ok(()))) {
            return;
        }
        let handle = self.clone();
        in_background(async move {
            if let Err(err) = reply.await {
                handle.failed(err, succeeded).await;
            }
        });
    }

    /// Handles a claim that was not settled.
    async fn failed(self, err: StoreError, succeeded: bool) {
        if succeeded {
            self.commit_again(err).await;
        } else if !err.is_lease_lost() {
            self.warn(
                Operation::Release,
                &err,
                "a claim could not be released; it lapses by itself",
            );
        }
    }

    async fn commit_again(self, mut err: StoreError) {
        for wait in COMMIT_AGAIN.take(COMMIT_RETRIES) {
            if err.is_lease_lost() {
                break;
            }
            self.warn(
                Operation::Commit,
                &err,
                "a handled message was not recorded; trying again",
            );
            sleep(wait).await;
            match self.commit().await {
                Ok(()) => return,
                Err(next) => err = next,
            }
        }
        self.meters.store_failed(Operation::Commit);
        let source = self.dedupe.source();
        tracing::error!(
            source,
            error = %err,
            "a handled message was not recorded; if it comes again, it is handled again"
        );
    }

    fn warn(&self, operation: Operation, err: &StoreError, what: &'static str) {
        self.meters.store_failed(operation);
        let source = self.dedupe.source();
        tracing::warn!(source, error = %err, cause = err.source(), "{what}");
    }
}

fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    match Handle::try_current() {
        Ok(runtime) => {
            runtime.spawn(work);
        }
        Err(_) => tracing::warn!("no runtime is left to settle a claim; it lapses by itself"),
    }
}
