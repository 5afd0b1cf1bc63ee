//! State of one unit of leased work, for stores in memory.

use super::attempt_number::AttemptNumber;
use super::token::LeaseToken;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;

/// State of one unit of work: whether a worker has it, and its attempts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct WorkState {
    stage: Stage,
    attempts: u32,
    token: u64,
}

/// Where a unit of work is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// It waits for its next attempt.
    Pending { due_at: UnixMillis },
    /// A worker has it.
    Leased { until: UnixMillis },
    /// Nothing more happens by itself.
    Finished { at: UnixMillis },
}

impl WorkState {
    pub(crate) const fn new(stage: Stage) -> Self {
        Self {
            stage,
            attempts: 0,
            token: 0,
        }
    }

    pub(crate) const fn stage(&self) -> Stage {
        self.stage
    }

    /// Returns the number of attempts that count.
    pub(crate) const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns the time at which a worker may lease the work.
    pub(crate) const fn due_at(&self) -> Option<UnixMillis> {
        match self.stage {
            Stage::Pending { due_at: at } | Stage::Leased { until: at } => Some(at),
            Stage::Finished { .. } => None,
        }
    }

    pub(crate) const fn ended_at(&self) -> Option<UnixMillis> {
        match self.stage {
            Stage::Finished { at } => Some(at),
            Stage::Pending { .. } | Stage::Leased { .. } => None,
        }
    }

    /// Begins the next attempt. The new token fences off every earlier lease.
    pub(crate) const fn lease(&mut self, until: UnixMillis) {
        self.stage = Stage::Leased { until };
        self.attempts = self.attempts.saturating_add(1);
        self.token = self.token.saturating_add(1);
    }

    /// Returns the token and the number of the attempt that began last.
    pub(crate) fn newest_lease(&self) -> Option<(LeaseToken, AttemptNumber)> {
        let attempt = AttemptNumber::new(self.attempts)?;
        Some((LeaseToken::new(self.token), attempt))
    }

    /// Fails unless `token` is that of a lease that nobody has ended or taken over.
    pub(crate) fn check(&self, token: LeaseToken) -> Result<(), StoreError> {
        let is_leased = matches!(self.stage, Stage::Leased { .. });
        let holds = is_leased && self.token == token.get();
        holds.then_some(()).ok_or_else(StoreError::lease_lost)
    }

    /// Returns whether the lease has lapsed in the last attempt or a later one.
    pub(crate) fn is_exhausted(&self, last: AttemptNumber, now: UnixMillis) -> bool {
        let lapsed = matches!(self.stage, Stage::Leased { until } if until <= now);
        lapsed && self.attempts >= last.get()
    }

    /// Moves the time at which the work may be leased, and leaves it pending or leased.
    pub(crate) const fn redate(&mut self, at: UnixMillis) {
        self.stage = match self.stage {
            Stage::Pending { .. } => Stage::Pending { due_at: at },
            Stage::Leased { .. } => Stage::Leased { until: at },
            finished @ Stage::Finished { .. } => finished,
        };
    }

    /// Ends a lease before its attempt, which does not count.
    pub(crate) const fn release(&mut self, now: UnixMillis) {
        self.attempts = self.attempts.saturating_sub(1);
        self.wait(now);
    }

    pub(crate) const fn wait(&mut self, due_at: UnixMillis) {
        self.stage = Stage::Pending { due_at };
    }

    pub(crate) const fn finish(&mut self, at: UnixMillis) {
        self.stage = Stage::Finished { at };
    }

    /// Begins again. Tokens keep rising.
    #[cfg(any(test, feature = "verify"))]
    pub(crate) const fn requeue(&mut self, now: UnixMillis) {
        self.attempts = 0;
        self.wait(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(millis: u64) -> UnixMillis {
        UnixMillis::from_millis(millis)
    }

    fn attempt(number: u32) -> AttemptNumber {
        AttemptNumber::new(number).unwrap()
    }

    #[test]
    fn a_lease_lapses_and_may_be_settled_until_another_takes_over() {
        let mut work = WorkState::new(Stage::Pending { due_at: at(0) });
        work.lease(at(10));
        let (first, number) = work.newest_lease().unwrap();
        assert_eq!(number, AttemptNumber::FIRST);
        assert!(!work.is_exhausted(AttemptNumber::FIRST, at(9)));
        assert!(work.is_exhausted(AttemptNumber::FIRST, at(10)));
        assert!(!work.is_exhausted(attempt(2), at(10)));
        work.check(first).unwrap();
        work.lease(at(20));
        assert!(work.check(first).unwrap_err().is_lease_lost());
        assert_eq!(work.due_at(), Some(at(20)));
    }

    #[test]
    fn finished_work_keeps_its_time_and_only_a_requeue_begins_again() {
        let mut work = WorkState::new(Stage::Pending { due_at: at(0) });
        work.lease(at(10));
        let (first, _) = work.newest_lease().unwrap();
        work.finish(at(5));
        work.redate(at(7));
        assert_eq!((work.due_at(), work.ended_at()), (None, Some(at(5))));
        assert!(work.check(first).unwrap_err().is_lease_lost());
        work.requeue(at(8));
        assert_eq!((work.due_at(), work.ended_at()), (Some(at(8)), None));
        assert_eq!(work.attempts(), 0);
        work.lease(at(20));
        let (second, number) = work.newest_lease().unwrap();
        assert!(second > first);
        assert_eq!(number, AttemptNumber::FIRST);
    }

    #[derive(Clone, Copy, Debug)]
    enum Op {
        Lease,
        Redate,
        Release(usize),
        Wait(usize),
        Finish(usize),
        Requeue,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            3 => Just(Op::Lease),
            1 => Just(Op::Redate),
            1 => (0..4_usize).prop_map(Op::Release),
            1 => (0..4_usize).prop_map(Op::Wait),
            1 => (0..4_usize).prop_map(Op::Finish),
            1 => Just(Op::Requeue),
        ]
    }

    proptest! {
        /// The slow obvious version keeps every lease, and which of them counts.
        #[test]
        fn only_the_newest_lease_holds_and_attempts_are_counted(
            ops in prop::collection::vec(op(), 1..60)
        ) {
            let mut work = WorkState::new(Stage::Pending { due_at: at(0) });
            let mut tokens: Vec<LeaseToken> = Vec::new();
            let (mut holder, mut attempts) = (None, 0);
            for (now, op) in (1..).map(at).zip(ops) {
                // Leases are named from the newest on.
                let held = |back: usize| tokens.iter().rev().nth(back).copied();
                let may = |back| {
                    let token = held(back)?;
                    work.check(token).is_ok().then_some(token)
                };
                if let Op::Release(back) | Op::Wait(back) | Op::Finish(back) = op {
                    let holds = held(back).is_some() && held(back) == holder;
                    prop_assert_eq!(may(back).is_some(), holds);
                    if may(back).is_none() {
                        continue;
                    }
                    holder = None;
                }
                match op {
                    Op::Lease => {
                        work.lease(now);
                        attempts += 1;
                        let (token, number) = work.newest_lease().unwrap();
                        prop_assert!(tokens.iter().all(|earlier| *earlier < token));
                        prop_assert_eq!(number, attempt(attempts));
                        tokens.push(token);
                        holder = Some(token);
                    }
                    Op::Redate => work.redate(now),
                    Op::Release(_) => {
                        work.release(now);
                        attempts -= 1;
                    }
                    Op::Wait(_) => work.wait(now),
                    Op::Finish(_) => work.finish(now),
                    Op::Requeue => {
                        work.requeue(now);
                        (holder, attempts) = (None, 0);
                    }
                }
                prop_assert_eq!(work.attempts(), attempts);
                prop_assert_eq!(work.due_at().is_some(), work.ended_at().is_none());
                prop_assert_eq!(holder.is_some(), matches!(work.stage(), Stage::Leased { .. }));
            }
        }
    }
}
