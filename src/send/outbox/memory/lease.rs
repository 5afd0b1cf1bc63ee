//! Leasing and settling.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use super::state::{EndpointRow, Row, Slot, State};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::DeliveryId;
use crate::queue::{AttemptNumber, RetryPolicy};
use crate::queue::{LONGEST_LEASE, LeaseToken};
use crate::send::outbox::endpoint::DisabledBecause;
use crate::send::outbox::health::Health;
use crate::send::outbox::lease::{Lease, LeaseRequest, Outcome, Settled, Settlement};
use crate::send::outbox::record::{Attempt, AttemptReport, DeliveryState};

/// A delivery that could be leased; in the order of leasing: first how many of its endpoint's are
/// ahead of it or under way.
type Candidate = (usize, Slot);

impl State {
    pub(super) fn lease(&mut self, request: &LeaseRequest) -> Vec<Lease> {
        self.redate(request.now, request.until);
        self.end_lapsed(request.max_attempts, request.now);
        let mut candidates: Vec<Candidate> = self
            .endpoints
            .iter()
            .filter(|row| row.endpoint.status.is_enabled() && row.paused_until() <= request.now)
            .flat_map(|row| row.candidates(request.per_endpoint, request.now))
            .collect();
        candidates.sort_unstable();
        candidates.truncate(request.max.get().into());
        candidates
            .into_iter()
            .filter_map(|(_, (.., id))| self.lease_one(id, request.until))
            .collect()
    }

    fn lease_one(&mut self, id: DeliveryId, until: UnixMillis) -> Option<Lease> {
        self.place(&id, DeliveryState::Leased, Some(until), None);
        let row = self.deliveries.get_mut(&id)?;
        row.attempts = row.attempts.saturating_add(1);
        row.token += 1;
        let row = self.deliveries.get(&id)?;
        let event = self.event_of(row)?;
        Some(Lease {
            token: LeaseToken::new(row.token),
            attempt: AttemptNumber::new(row.attempts)?,
            event: event.id.clone(),
            event_type: event.event_type.clone(),
            payload: event.payload.clone(),
            endpoint: Arc::clone(&self.endpoints[row.endpoint].endpoint),
            delivery: id,
        })
    }

    /// Dates anew what a clock that was ahead has dated.
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

    fn pending_ahead(&self, now: UnixMillis) -> impl Iterator<Item = &Slot> {
        let tried = self.endpoints.iter().map(|row| &row.pending);
        ahead(&self.untried, now, Duration::ZERO)
            .chain(tried.flat_map(move |queue| ahead(queue, now, RetryPolicy::LONGEST_WAIT)))
    }

    fn leased_ahead(&self, now: UnixMillis) -> impl Iterator<Item = &Slot> {
        let leased = self.endpoints.iter().map(|row| &row.leased);
        leased.flat_map(move |queue| ahead(queue, now, LONGEST_LEASE))
    }

    /// Ends the deliveries whose lease lapsed and that nobody may lease again.
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
        lease: &Lease,
        settlement: Settlement,
        now: UnixMillis,
    ) -> Result<Settled, StoreError> {
        let Settlement {
            report,
            outcome,
            not_before,
        } = settlement;
        let row = self.held(lease)?;
        let endpoint = row.endpoint;
        row.log.push(Attempt {
            number: lease.attempt,
            report: AttemptReport {
                response: report.kept_response(),
                ..report
            },
        });
        let health = self.note_health(endpoint, outcome, not_before, now);
        let disabling = match outcome {
            Outcome::Delivered => {
                self.end(&lease.delivery, DeliveryState::Delivered, now);
                None
            }
            Outcome::Retry { at } => {
                self.wait_or_cancel(&lease.delivery, endpoint, at, now);
                None
            }
            Outcome::Exhausted => {
                self.end(&lease.delivery, DeliveryState::Failed, now);
                health.is_given_up(now).then_some(DisabledBecause::Failing)
            }
            Outcome::Gone => {
                self.end(&lease.delivery, DeliveryState::Failed, now);
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

    pub(super) fn extend(&mut self, lease: &Lease, until: UnixMillis) -> Result<(), StoreError> {
        self.held(lease)?;
        self.place(&lease.delivery, DeliveryState::Leased, Some(until), None);
        Ok(())
    }

    pub(super) fn release(&mut self, lease: &Lease, now: UnixMillis) -> Result<(), StoreError> {
        let row = self.held(lease)?;
        row.attempts = row.attempts.saturating_sub(1);
        let endpoint = row.endpoint;
        self.wait_or_cancel(&lease.delivery, endpoint, now, now);
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

    /// The delivery, if `lease` is its newest and it is still leased.
    fn held(&mut self, lease: &Lease) -> Result<&mut Row, StoreError> {
        let held =
            |row: &&mut Row| row.state == DeliveryState::Leased && row.token == lease.token.get();
        let row = self.deliveries.get_mut(&lease.delivery);
        row.filter(held).ok_or_else(StoreError::lease_lost)
    }

    pub(super) fn next_due(&self, per_endpoint: NonZeroU16, now: UnixMillis) -> Option<UnixMillis> {
        let mut slots = self.pending_ahead(now).chain(self.leased_ahead(now));
        if slots.next().is_some() || self.endpoints.iter().any(|row| row.is_paused_ahead(now)) {
            return Some(now);
        }
        let enabled = |row: &&EndpointRow| row.endpoint.status.is_enabled();
        let rows = self.endpoints.iter().filter(enabled);
        rows.filter_map(|row| row.next_due(per_endpoint, now)).min()
    }
}

impl EndpointRow {
    fn lapsed(&self, now: UnixMillis) -> impl Iterator<Item = &Slot> {
        self.leased.iter().take_while(move |slot| slot.0 <= now)
    }

    /// How many leases live.
    fn busy(&self, now: UnixMillis) -> usize {
        self.leased.len() - self.lapsed(now).count()
    }

    fn candidates(&self, cap: NonZeroU16, now: UnixMillis) -> Vec<Candidate> {
        let busy = self.busy(now);
        let room = usize::from(cap.get()).saturating_sub(busy);
        let pending = self.pending.iter().take_while(|slot| slot.0 <= now);
        // Both are sorted: no more than `room` of each can be among the first `room` of both.
        let mut due: Vec<_> = pending
            .take(room)
            .chain(self.lapsed(now).take(room))
            .collect();
        due.sort_unstable();
        let turns = due.into_iter().take(room).enumerate();
        turns
            .map(|(turn, slot)| (busy + turn, slot.clone()))
            .collect()
    }

    /// The time before which it wants nothing; the epoch if it did not say so.
    fn paused_until(&self) -> UnixMillis {
        self.endpoint.health.not_before().unwrap_or_default()
    }

    fn is_paused_ahead(&self, now: UnixMillis) -> bool {
        self.paused_until() > now.saturating_add(RetryPolicy::LONGEST_WAIT)
    }

    fn next_due(&self, cap: NonZeroU16, now: UnixMillis) -> Option<UnixMillis> {
        let time = |slot: &Slot| slot.0;
        let due = if self.busy(now) < cap.get().into() {
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

/// Returns what is dated more than `longest` after `now`.
fn ahead(
    queue: &BTreeSet<Slot>,
    now: UnixMillis,
    longest: Duration,
) -> impl Iterator<Item = &Slot> {
    let latest = now.saturating_add(longest);
    queue.iter().rev().take_while(move |slot| slot.0 > latest)
}
