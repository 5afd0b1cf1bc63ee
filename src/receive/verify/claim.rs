//! A claim while its message is handled: renewed, then settled, and released when dropped.

use std::error::Error;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::meters::{Meters, Operation};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::receive::dedupe::{Claimed, Dedupe, DedupeKeys, Message, Reply};
use crate::wire::signature::Verifier;

/// How long a claim lasts when nobody renews it.
const LEASE: Duration = Duration::from_secs(60);

/// When a claim is renewed, counted from the claim or from the renewal before.
const RENEW_AFTER: Duration = Duration::from_secs(30);

/// When to ask again after a renewal that failed.
const RENEW_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Waits before a failed commit is tried again: half a minute, which is what a lease has left at least.
const COMMIT_AGAIN_AFTER: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
];

/// The right to handle one message. Dropping it gives the message back.
pub(super) struct Claim {
    held: Held,
    renewal: Renewal,
    release_on_drop: bool,
}

/// What every word with the store needs.
#[derive(Clone)]
struct Held {
    dedupe: Dedupe,
    clock: Verifier,
    ticket: DedupeKeys,
    meters: Meters,
}

enum Renewal {
    /// The handler has not had to wait yet; the claim was made at this time.
    NotTimed(Instant),
    Waiting(Pin<Box<Sleep>>),
    Asking(Pin<Box<Sleep>>, Reply<()>),
    /// Another request has the claim.
    Lost,
}

/// What came of asking for a message.
pub(super) enum Asked {
    Granted { claim: Claim, other_body: bool },
    InFlight { until: UnixMillis },
    Done,
}

impl Claim {
    /// Asks the store for `message`.
    ///
    /// Once the store has been asked, the claim may be there: a caller that goes away meanwhile
    /// releases it as well.
    pub(super) async fn ask(
        dedupe: &Dedupe,
        clock: &Verifier,
        message: &Message<'_>,
        meters: &Meters,
    ) -> Result<Asked, StoreError> {
        let mut claim = Self {
            held: Held {
                dedupe: dedupe.clone(),
                clock: clock.clone(),
                ticket: dedupe.ticket(message),
                meters: meters.clone(),
            },
            // Counted from here, like the lease: a handler may block before it is first pending.
            renewal: Renewal::NotTimed(Instant::now()),
            release_on_drop: true,
        };
        let now = clock.now();
        let until = now.saturating_add(LEASE);
        let claimed = dedupe.claim(&claim.held.ticket, now, until).await?;
        claim.release_on_drop = matches!(claimed, Claimed::Fresh { .. });
        Ok(match claimed {
            Claimed::Fresh { other_body } => Asked::Granted { claim, other_body },
            Claimed::InFlight { until } => Asked::InFlight { until },
            Claimed::Done => Asked::Done,
        })
    }

    /// Renews the claim when its time has come; to be called whenever the handler is pending.
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
                    Renewal::Asking(timer, self.held.renew())
                }
                Renewal::Asking(mut timer, mut reply) => match Pin::new(&mut reply).poll(cx) {
                    Poll::Pending => {
                        self.renewal = Renewal::Asking(timer, reply);
                        return;
                    }
                    Poll::Ready(Err(err)) if err.is_lease_lost() => {
                        self.held.meters.store_failed(Operation::Renew);
                        tracing::error!(
                            source = self.held.dedupe.source(),
                            "the claim on a message that is being handled was lost; it may be handled twice"
                        );
                        return;
                    }
                    Poll::Ready(answer) => {
                        timer
                            .as_mut()
                            .reset(Instant::now() + self.held.next_renewal(answer));
                        Renewal::Waiting(timer)
                    }
                },
                Renewal::Lost => return,
            };
        }
    }

    /// Commits the claim if the handler `succeeded`, and releases it otherwise.
    pub(super) fn settle(mut self, succeeded: bool) -> Settling {
        self.release_on_drop = false;
        Settling {
            reply: self.held.settle(succeeded),
            held: self.held.clone(),
            succeeded,
            settled: false,
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.release_on_drop {
            let reply = self.held.release();
            self.held.finish_in_background(reply, false);
        }
    }
}

/// Recording how the handler went, before the response leaves. Dropped early, it goes on in the
/// background.
pub(super) struct Settling {
    held: Held,
    reply: Reply<()>,
    succeeded: bool,
    settled: bool,
}

impl Settling {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let answer = ready!(Pin::new(&mut self.reply).poll(cx));
        self.settled = true;
        if let Err(err) = answer {
            in_background(self.held.clone().failed(err, self.succeeded));
        }
        Poll::Ready(())
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        if !self.settled {
            let reply = mem::replace(&mut self.reply, Reply::Now(None));
            self.held.finish_in_background(reply, self.succeeded);
        }
    }
}

impl Held {
    fn renew(&self) -> Reply<()> {
        let until = self.clock.now().saturating_add(LEASE);
        self.dedupe.renew(&self.ticket, until)
    }

    fn next_renewal(&self, answer: Result<(), StoreError>) -> Duration {
        match answer {
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
        self.dedupe.commit(&self.ticket, self.clock.now())
    }

    fn release(&self) -> Reply<()> {
        self.dedupe.release(&self.ticket)
    }

    fn finish_in_background(&self, reply: Reply<()>, succeeded: bool) {
        // A store in memory has done it already, and needs no runtime.
        if matches!(reply, Reply::Now(Some(Ok(())))) {
            return;
        }
        let held = self.clone();
        in_background(async move {
            if let Err(err) = reply.await {
                held.failed(err, succeeded).await;
            }
        });
    }

    /// Deals with a claim that was not settled.
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
        for wait in COMMIT_AGAIN_AFTER {
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
