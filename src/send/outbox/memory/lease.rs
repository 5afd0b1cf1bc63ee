//! Leasing and settling.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use super::entries::{DeliveryEntry, EndpointQueues, QueueSlot};
use super::state::OutboxState;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::DeliveryId;
use crate::queue::{AttemptNumber, LONGEST_LEASE, LeaseRequest, LeaseToken, RetryPolicy};
use crate::send::outbox::endpoint::DisabledBecause;
use crate::send::outbox::health::Health;
use crate::send::outbox::lease::{DeliveryLease, DeliveryWork, Outcome, Settled, Settlement};
use crate::send::outbox::record::{Attempt, DeliveryState};

/// A delivery that may be leased, after the number of its endpoint's deliveries that are leased or
/// come before it: the order of leasing.
type RankedSlot = (usize, QueueSlot);

impl OutboxState {
    pub(super) fn lease(
        &mut self,
        per_endpoint: NonZeroU16,
        request: LeaseRequest,
    ) -> Vec<DeliveryLease> {
        self.redate(request.now, request.until);
        self.end_lapsed(request.max_attempts, request.now);
        let mut candidates: Vec<RankedSlot> = self
            .endpoints
            .iter()
            .filter(|row| row.endpoint.status.is_enabled() && row.paused_until() <= request.now)
            .flat_map(|row| row.candidates(per_endpoint, request.now))
            .collect();
        candidates.sort_unstable();
        candidates.truncate(request.max.get().into());
        candidates
            .into_iter()
            .filter_map(|(_, (.., id))| self.lease_one(id, request.until))
            .collect()
    }

    fn lease_one(&mut self, id: DeliveryId, until: UnixMillis) -> Option<DeliveryLease> {
        self.place(&id, DeliveryState::Leased, Some(until), None);
        let row = self.deliveries.get_mut(&id)?;
        row.attempts = row.attempts.saturating_add(1);
        row.token += 1;
        let row = self.deliveries.get(&id)?;
        let event = self.event_of(row)?;
        Some(DeliveryLease::new(
            id,
            LeaseToken::new(row.token),
            AttemptNumber::new(row.attempts)?,
            DeliveryWork::new(
                event.clone(),
                Arc::clone(&self.endpoints[row.endpoint].endpoint),
            ),
        ))
    }

    /// Corrects the dates that a clock that was ahead has set.
    fn redate(&mut self, now: UnixMillis, until: UnixMillis) {
        let pending: Vec<_> = self.pending_ahead(now).cloned().collect();
        for (.., id) in pending {
            self.wait(&id, now);
        }
        let leased: Vec<_> = self.leased_ahead(now).cloned().collect();
        for (.., id) in leased {
            self.place(&id, DeliveryState::Leased, Some(until), None);
        }
        for row in &mut self.endpoints {
            if row.is_paused_ahead(now) {
                let endpoint = Arc::make_mut(&mut row.endpoint);
                endpoint.health = endpoint.health.paused_until(None);
            }
        }
    }

    fn pending_ahead(&self, now: UnixMillis) -> impl Iterator<Item = &QueueSlot> {
        let tried = self.endpoints.iter().map(|row| &row.pending);
        ahead(&self.untried, now, Duration::ZERO)
            .chain(tried.flat_map(move |queue| ahead(queue, now, RetryPolicy::LONGEST_WAIT)))
    }

    fn leased_ahead(&self, now: UnixMillis) -> impl Iterator<Item = &QueueSlot> {
        let leased = self.endpoints.iter().map(|row| &row.leased);
        leased.flat_map(move |queue| ahead(queue, now, LONGEST_LEASE))
    }

    /// Finishes the deliveries whose lease lapsed and that no worker may lease again.
    fn end_lapsed(&mut self, max_attempts: AttemptNumber, now: UnixMillis) {
        let ended: Vec<_> = self
            .endpoints
            .iter()
            .flat_map(|row| row.lapsed(now).map(move |(.., id)| (row, id)))
            .filter_map(|(row, id)| {
                let attempts = self.deliveries.get(id)?.attempts;
                if attempts >= max_attempts.get() {
                    Some((id.clone(), DeliveryState::Failed))
                } else if row.endpoint.status.is_enabled() {
                    None
                } else {
                    Some((id.clone(), DeliveryState::Cancelled))
                }
            })
            .collect();
        for (id, state) in ended {
            self.end(&id, state, now);
        }
    }

    pub(super) fn settle(
        &mut self,
        lease: &DeliveryLease,
        settlement: Settlement,
        now: UnixMillis,
    ) -> Result<Settled, StoreError> {
        let Settlement {
            report,
            outcome,
            not_before,
        } = settlement;
        let row = self.find_leased(lease)?;
        let endpoint = row.endpoint;
        let (status, kept) = (report.status, report.kept_response());
        let report = report.with_response(status, kept);
        row.log.push(Attempt::new(lease.attempt, report));
        let health = self.note_health(endpoint, outcome, not_before, now);
        let disabling = match outcome {
            Outcome::Delivered => {
                self.end(&lease.id, DeliveryState::Delivered, now);
                None
            }
            Outcome::Retry { at } => {
                self.wait_or_cancel(&lease.id, endpoint, at, now);
                None
            }
            Outcome::Exhausted => {
                self.end(&lease.id, DeliveryState::Failed, now);
                health.is_given_up(now).then_some(DisabledBecause::Failing)
            }
            Outcome::Gone => {
                self.end(&lease.id, DeliveryState::Failed, now);
                Some(DisabledBecause::Gone)
            }
        };
        let enabled = self.endpoints[endpoint].endpoint.status.is_enabled();
        let disabling = disabling.filter(|_| enabled);
        if let Some(because) = disabling {
            self.disable(endpoint, because, now);
        }
        Ok(Settled::disabling(disabling))
    }

    fn note_health(
        &mut self,
        endpoint: usize,
        outcome: Outcome,
        not_before: Option<UnixMillis>,
        now: UnixMillis,
    ) -> Health {
        let endpoint = &mut self.endpoints[endpoint].endpoint;
        let health = match outcome {
            Outcome::Delivered => Health::GOOD,
            Outcome::Retry { .. } | Outcome::Exhausted | Outcome::Gone => {
                endpoint.health.after_failure(now, not_before)
            }
        };
        if health != endpoint.health {
            Arc::make_mut(endpoint).health = health;
        }
        health
    }

    pub(super) fn extend(
        &mut self,
        lease: &DeliveryLease,
        until: UnixMillis,
    ) -> Result<(), StoreError> {
        self.find_leased(lease)?;
        self.place(&lease.id, DeliveryState::Leased, Some(until), None);
        Ok(())
    }

    pub(super) fn release(
        &mut self,
        lease: &DeliveryLease,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let row = self.find_leased(lease)?;
        row.attempts = row.attempts.saturating_sub(1);
        let endpoint = row.endpoint;
        self.wait_or_cancel(&lease.id, endpoint, now, now);
        Ok(())
    }

    fn wait_or_cancel(
        &mut self,
        id: &DeliveryId,
        endpoint: usize,
        due_at: UnixMillis,
        now: UnixMillis,
    ) {
        if self.endpoints[endpoint].endpoint.status.is_enabled() {
            self.wait(id, due_at);
        } else {
            self.end(id, DeliveryState::Cancelled, now);
        }
    }

    /// Returns the delivery, if it is still leased and `lease` is its newest.
    fn find_leased(&mut self, lease: &DeliveryLease) -> Result<&mut DeliveryEntry, StoreError> {
        let is_newest = |row: &&mut DeliveryEntry| {
            row.state == DeliveryState::Leased && row.token == lease.token.get()
        };
        let row = self.deliveries.get_mut(&lease.id);
        row.filter(is_newest).ok_or_else(StoreError::lease_lost)
    }

    pub(super) fn next_due(&self, per_endpoint: NonZeroU16, now: UnixMillis) -> Option<UnixMillis> {
        let mut slots = self.pending_ahead(now).chain(self.leased_ahead(now));
        if slots.next().is_some() || self.endpoints.iter().any(|row| row.is_paused_ahead(now)) {
            return Some(now);
        }
        let enabled = |row: &&EndpointQueues| row.endpoint.status.is_enabled();
        let rows = self.endpoints.iter().filter(enabled);
        rows.filter_map(|row| row.next_due(per_endpoint, now)).min()
    }
}

impl EndpointQueues {
    fn lapsed(&self, now: UnixMillis) -> impl Iterator<Item = &QueueSlot> {
        self.leased.iter().take_while(move |slot| slot.0 <= now)
    }

    /// Returns the number of live leases.
    fn live(&self, now: UnixMillis) -> usize {
        self.leased.len() - self.lapsed(now).count()
    }

    fn candidates(&self, limit: NonZeroU16, now: UnixMillis) -> Vec<RankedSlot> {
        let live = self.live(now);
        let room = usize::from(limit.get()).saturating_sub(live);
        let pending = self.pending.iter().take_while(|slot| slot.0 <= now);
        // Both are sorted: no more than `room` of each can be among the first `room` of both.
        let mut due: Vec<_> = pending
            .take(room)
            .chain(self.lapsed(now).take(room))
            .collect();
        due.sort_unstable();
        let turns = due.into_iter().take(room).enumerate();
        turns
            .map(|(turn, slot)| (live + turn, slot.clone()))
            .collect()
    }

    /// Returns the time before which the endpoint wants no request; the epoch without one.
    fn paused_until(&self) -> UnixMillis {
        self.endpoint.health.not_before().unwrap_or_default()
    }

    fn is_paused_ahead(&self, now: UnixMillis) -> bool {
        self.paused_until() > now.saturating_add(RetryPolicy::LONGEST_WAIT)
    }

    fn next_due(&self, limit: NonZeroU16, now: UnixMillis) -> Option<UnixMillis> {
        let time = |slot: &QueueSlot| slot.0;
        let due = if self.live(now) < limit.get().into() {
            let pending = self.pending.first().map(time);
            let leased = self.leased.first().map(time);
            pending.into_iter().chain(leased).min()
        } else {
            let mut ends = self.leased.iter().map(time);
            ends.find(|end| *end > now)
        };
        due.map(|at| at.max(self.paused_until()))
    }
}

/// Returns the slots that are dated more than `longest` after `now`.
fn ahead(
    queue: &BTreeSet<QueueSlot>,
    now: UnixMillis,
    longest: Duration,
) -> impl Iterator<Item = &QueueSlot> {
    let latest = now.saturating_add(longest);
    queue.iter().rev().take_while(move |slot| slot.0 > latest)
}
