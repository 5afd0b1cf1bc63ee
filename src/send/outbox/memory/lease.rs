//! Leasing and settling.

use std::num::NonZeroU16;
use std::sync::Arc;

use super::entries::{DeliveryEntry, DeliveryKey, EndpointQueue};
use super::state::OutboxState;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::DeliveryId;
use crate::queue::{AttemptNumber, LeaseRequest, RetryPolicy};
use crate::send::outbox::endpoint::DisabledBecause;
use crate::send::outbox::health::Health;
use crate::send::outbox::lease::{DeliveryLease, DeliveryWork, Outcome, Settled, Settlement};
use crate::send::outbox::record::{Attempt, DeliveryState};

/// A delivery that may be leased, after the number of its endpoint's deliveries that are leased or
/// come before it: the order of leasing.
type Ranked = (usize, (UnixMillis, DeliveryKey));

impl OutboxState {
    pub(super) fn lease(
        &mut self,
        per_endpoint: NonZeroU16,
        request: LeaseRequest,
    ) -> Vec<DeliveryLease> {
        self.redate(request.now, request.until);
        self.end_lapsed(request.max_attempts, request.now);
        let mut candidates: Vec<Ranked> = self
            .endpoints
            .iter()
            .filter(|row| row.endpoint.status.is_enabled() && row.paused_until() <= request.now)
            .flat_map(|row| row.candidates(per_endpoint, request.now))
            .collect();
        candidates.sort_unstable();
        candidates.truncate(request.max.get().into());
        candidates
            .into_iter()
            .filter_map(|(_, (_, (_, id)))| self.lease_one(id, request.until))
            .collect()
    }

    fn lease_one(&mut self, id: DeliveryId, until: UnixMillis) -> Option<DeliveryLease> {
        self.change(&id, |row| row.work.lease(until));
        let row = self.deliveries.get(&id)?;
        let (token, attempt) = row.work.newest_lease()?;
        let event = self.event_of(row)?;
        Some(DeliveryLease::new(
            id,
            token,
            attempt,
            DeliveryWork::new(
                event.clone(),
                Arc::clone(&self.endpoints[row.endpoint].endpoint),
            ),
        ))
    }

    /// Corrects the dates that a clock that was ahead has set.
    fn redate(&mut self, now: UnixMillis, until: UnixMillis) {
        let dues = self.endpoints.iter().map(|row| &row.due);
        let pending: Vec<_> = dues
            .clone()
            .flat_map(|due| due.pending_ahead(now))
            .cloned()
            .collect();
        let leased: Vec<_> = dues
            .flat_map(|due| due.leased_ahead(now))
            .cloned()
            .collect();
        for (_, id) in pending {
            self.change(&id, |row| row.work.redate(now));
        }
        for (_, id) in leased {
            self.change(&id, |row| row.work.redate(until));
        }
        for row in &mut self.endpoints {
            if row.is_paused_ahead(now) {
                let endpoint = Arc::make_mut(&mut row.endpoint);
                endpoint.health = endpoint.health.paused_until(None);
            }
        }
    }

    /// Finishes the deliveries whose lease lapsed and that no worker may lease again.
    fn end_lapsed(&mut self, max_attempts: AttemptNumber, now: UnixMillis) {
        let ended: Vec<_> = self
            .endpoints
            .iter()
            .flat_map(|row| row.due.lapsed(now).map(move |(_, id)| (row, id)))
            .filter_map(|(row, id)| {
                let work = self.deliveries.get(id)?.work;
                if work.is_exhausted(max_attempts, now) {
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
                self.change(&lease.id, |row| row.work.wait(at));
                self.cancel_if_disabled(&lease.id, endpoint, now);
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
        self.change(&lease.id, |row| row.work.redate(until));
        Ok(())
    }

    pub(super) fn release(
        &mut self,
        lease: &DeliveryLease,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let endpoint = self.find_leased(lease)?.endpoint;
        self.change(&lease.id, |row| row.work.release(now));
        self.cancel_if_disabled(&lease.id, endpoint, now);
        Ok(())
    }

    fn cancel_if_disabled(&mut self, id: &DeliveryId, endpoint: usize, now: UnixMillis) {
        if !self.endpoints[endpoint].endpoint.status.is_enabled() {
            self.end(id, DeliveryState::Cancelled, now);
        }
    }

    /// Returns the delivery, if it is still leased and `lease` is its newest.
    fn find_leased(&mut self, lease: &DeliveryLease) -> Result<&mut DeliveryEntry, StoreError> {
        let row = self.deliveries.get_mut(&lease.id);
        let row = row.ok_or_else(StoreError::lease_lost)?;
        row.work.check(lease.token)?;
        Ok(row)
    }

    pub(super) fn next_due(&self, per_endpoint: NonZeroU16, now: UnixMillis) -> Option<UnixMillis> {
        let is_ahead = |row: &EndpointQueue| row.due.is_ahead(now) || row.is_paused_ahead(now);
        if self.endpoints.iter().any(is_ahead) {
            return Some(now);
        }
        let enabled = |row: &&EndpointQueue| row.endpoint.status.is_enabled();
        let rows = self.endpoints.iter().filter(enabled);
        rows.filter_map(|row| row.next_due(per_endpoint, now)).min()
    }
}

impl EndpointQueue {
    fn candidates(&self, limit: NonZeroU16, now: UnixMillis) -> Vec<Ranked> {
        let live = self.due.live(now);
        let room = usize::from(limit.get()).saturating_sub(live);
        (live..).zip(self.due.due(now, room)).collect()
    }

    /// Returns the time before which the endpoint wants no request; the epoch without one.
    fn paused_until(&self) -> UnixMillis {
        self.endpoint.health.not_before().unwrap_or_default()
    }

    fn is_paused_ahead(&self, now: UnixMillis) -> bool {
        self.paused_until() > now.saturating_add(RetryPolicy::LONGEST_WAIT)
    }

    fn next_due(&self, limit: NonZeroU16, now: UnixMillis) -> Option<UnixMillis> {
        let due = if self.due.live(now) < limit.get().into() {
            self.due.first()
        } else {
            self.due.first_end(now)
        };
        due.map(|at| at.max(self.paused_until()))
    }
}
