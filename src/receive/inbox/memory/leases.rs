//! Leases of the memory store: who works on a message, and until when.

use super::state::InboxState;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::queue::{AttemptNumber, LeaseRequest};
use crate::receive::inbox::entry::Failure;
use crate::receive::inbox::message::{InboxLease, InboxOutcome};

impl InboxState {
    pub(super) fn lease(&mut self, source: &str, request: LeaseRequest) -> Vec<InboxLease> {
        self.redate(source, request.now, request.until);
        self.fail_lapsed(source, request.max_attempts, request.now);
        let due = self.due.get(source);
        let due = due.map(|due| due.due(request.now, request.max.get().into()));
        let due = due.into_iter().flatten();
        due.filter_map(|(_, number)| self.lease_one(number, request.until))
            .collect()
    }

    /// Changes the dates of messages that a clock that was ahead has dated.
    fn redate(&mut self, source: &str, now: UnixMillis, until: UnixMillis) {
        let Some(due) = self.due.get(source) else {
            return;
        };
        let pending: Vec<u64> = due.pending_ahead(now).copied().collect();
        let leased: Vec<u64> = due.leased_ahead(now).copied().collect();
        for number in pending {
            self.change(number, |row| row.work.redate(now));
        }
        for number in leased {
            self.change(number, |row| row.work.redate(until));
        }
    }

    /// Fails the messages whose last lease has lapsed.
    fn fail_lapsed(&mut self, source: &str, last: AttemptNumber, now: UnixMillis) {
        let lapsed = self.due.get(source).into_iter();
        let lapsed = lapsed.flat_map(|due| due.lapsed(now)).copied();
        let is_exhausted = |number: &u64| {
            let row = self.messages.get(number);
            row.is_some_and(|row| row.work.is_exhausted(last, now))
        };
        let exhausted: Vec<u64> = lapsed.filter(is_exhausted).collect();
        for number in exhausted {
            self.finish(number, Some(Failure::Lapsed), now);
        }
    }

    fn lease_one(&mut self, number: u64, until: UnixMillis) -> Option<InboxLease> {
        self.change(number, |row| row.work.lease(until));
        let row = self.messages.get(&number)?;
        let (token, attempt) = row.work.newest_lease()?;
        let request = row.request.clone()?;
        Some(InboxLease::new(row.id.clone(), token, attempt, request))
    }

    pub(super) fn settle(
        &mut self,
        lease: &InboxLease,
        outcome: InboxOutcome,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let number = self.leased(lease)?;
        match outcome {
            InboxOutcome::Done => self.finish(number, None, now),
            InboxOutcome::Failed { failure } => self.finish(number, Some(failure), now),
            InboxOutcome::Retry { at, failure } => self.change(number, |row| {
                row.failure = Some(failure);
                row.work.wait(at);
            }),
        }
        Ok(())
    }

    /// Finishes a message: as failed, or else as done.
    fn finish(&mut self, number: u64, failure: Option<Failure>, now: UnixMillis) {
        if let Some(row) = self.messages.get(&number) {
            let end = now.saturating_add(row.keys.retention());
            let mut keys = self.keys.shard(&row.keys);
            keys.set_end(&row.keys, number, now, Some(end));
        }
        self.change(number, |row| {
            row.failure = failure;
            row.work.finish(now);
            if failure.is_none() {
                row.request = None;
            }
        });
    }

    pub(super) fn extend(
        &mut self,
        lease: &InboxLease,
        until: UnixMillis,
    ) -> Result<(), StoreError> {
        let number = self.leased(lease)?;
        self.change(number, |row| row.work.redate(until));
        Ok(())
    }

    pub(super) fn release(
        &mut self,
        lease: &InboxLease,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let number = self.leased(lease)?;
        self.change(number, |row| row.work.release(now));
        Ok(())
    }

    /// Returns the number of the message if `lease` is its newest lease and still holds.
    fn leased(&self, lease: &InboxLease) -> Result<u64, StoreError> {
        let number = self.ids.get(&lease.id).copied();
        let number = number.ok_or_else(StoreError::lease_lost)?;
        let row = self.messages.get(&number);
        let row = row.ok_or_else(StoreError::lease_lost)?;
        row.work.check(lease.token)?;
        Ok(number)
    }

    pub(super) fn next_due(&self, source: &str, now: UnixMillis) -> Option<UnixMillis> {
        let due = self.due.get(source)?;
        if due.is_ahead(now) {
            Some(now)
        } else {
            due.first()
        }
    }
}
