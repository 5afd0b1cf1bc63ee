//! Leases of the memory store: who works on a message, and until when.

use super::state::{InboxState, size};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::queue::{AttemptNumber, LeaseRequest, LeaseToken};
use crate::receive::inbox::entry::{Failure, MessageState};
use crate::receive::inbox::message::{InboxLease, InboxOutcome};

impl InboxState {
    pub(super) fn lease(&mut self, source: &str, request: LeaseRequest) -> Vec<InboxLease> {
        self.redate(source, request.now, request.until);
        let most = usize::from(request.max.get());
        let mut leases = Vec::new();
        // Each failed message makes room for another pass, up to `max`.
        loop {
            let due = self.due.get(source);
            let due = due.map(|due| due.until(request.now, most - leases.len()));
            let due = due.unwrap_or_default();
            let mut failed = false;
            for number in due {
                if self.is_exhausted(number, request.max_attempts) {
                    self.fail(number, Failure::Lapsed, request.now);
                    failed = true;
                } else {
                    leases.extend(self.lease_one(number, request.until));
                }
            }
            if !failed || request.until <= request.now {
                return leases;
            }
        }
    }

    /// Changes the dates of messages that a clock that was ahead has dated.
    fn redate(&mut self, source: &str, now: UnixMillis, until: UnixMillis) {
        let Some(due) = self.due.get(source) else {
            return;
        };
        let (pending, leased) = (due.pending_ahead(now), due.leased_ahead(now));
        for number in pending {
            self.place(number, MessageState::Pending, now);
        }
        for number in leased {
            self.place(number, MessageState::Leased, until);
        }
    }

    /// Returns whether the last lease of a due message has lapsed.
    fn is_exhausted(&self, number: u64, max_attempts: AttemptNumber) -> bool {
        self.messages.get(&number).is_some_and(|row| {
            row.state == MessageState::Leased && row.attempts >= max_attempts.get()
        })
    }

    fn lease_one(&mut self, number: u64, until: UnixMillis) -> Option<InboxLease> {
        self.place(number, MessageState::Leased, until);
        let row = self.messages.get_mut(&number)?;
        row.attempts = row.attempts.saturating_add(1);
        row.token += 1;
        Some(InboxLease {
            id: row.id.clone(),
            token: LeaseToken::new(row.token),
            attempt: AttemptNumber::new(row.attempts)?,
            work: row.request.clone()?,
        })
    }

    pub(super) fn settle(
        &mut self,
        lease: &InboxLease,
        outcome: InboxOutcome,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let number = self.leased(lease)?;
        match outcome {
            InboxOutcome::Done => {
                self.end(number, MessageState::Done, now);
                if let Some(row) = self.messages.get_mut(&number) {
                    let erased = row.request.take();
                    row.failure = None;
                    self.bytes -= erased.as_ref().map_or(0, size);
                }
            }
            InboxOutcome::Retry { at, failure } => {
                self.place(number, MessageState::Pending, at);
                if let Some(row) = self.messages.get_mut(&number) {
                    row.failure = Some(failure);
                }
            }
            InboxOutcome::Failed { failure } => self.fail(number, failure, now),
        }
        Ok(())
    }

    pub(super) fn extend(
        &mut self,
        lease: &InboxLease,
        until: UnixMillis,
    ) -> Result<(), StoreError> {
        let number = self.leased(lease)?;
        self.place(number, MessageState::Leased, until);
        Ok(())
    }

    pub(super) fn release(
        &mut self,
        lease: &InboxLease,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let number = self.leased(lease)?;
        if let Some(row) = self.messages.get_mut(&number) {
            row.attempts = row.attempts.saturating_sub(1);
        }
        self.place(number, MessageState::Pending, now);
        Ok(())
    }

    /// Returns the number of the message if `lease` is its newest lease and still holds.
    fn leased(&self, lease: &InboxLease) -> Result<u64, StoreError> {
        let number = self.ids.get(&lease.id).copied();
        let held = |number: &u64| {
            let row = self.messages.get(number);
            row.is_some_and(|row| {
                row.state == MessageState::Leased && row.token == lease.token.get()
            })
        };
        number.filter(held).ok_or_else(StoreError::lease_lost)
    }

    fn fail(&mut self, number: u64, failure: Failure, now: UnixMillis) {
        self.end(number, MessageState::Failed, now);
        if let Some(row) = self.messages.get_mut(&number) {
            row.failure = Some(failure);
        }
    }

    pub(super) fn next_due(&self, source: &str, now: UnixMillis) -> Option<UnixMillis> {
        let due = self.due.get(source)?;
        let is_ahead = !due.pending_ahead(now).is_empty() || !due.leased_ahead(now).is_empty();
        if is_ahead { Some(now) } else { due.first() }
    }
}
