//! The shared parts of the dedupe ports in SQL: the parameters of a claim, and what it found.

use super::columns::time;
use super::statement::Statement;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::LONGEST_LEASE;
use crate::receive::dedupe::{Claimed, DedupeKey, DedupeKeys, latest_end};
use crate::receive::inbox::NewMessage;

/// A claim on the keys of a message.
pub(crate) struct Claim {
    keys: DedupeKeys,
    now: UnixMillis,
    /// A claim in flight with a later end comes from a clock that was ahead.
    latest: UnixMillis,
    until: UnixMillis,
    /// Claims without an end count as committed.
    message: Option<InboxId>,
}

impl Claim {
    /// A request claims the message until `until`.
    pub(crate) fn of_request(keys: &DedupeKeys, now: UnixMillis, until: UnixMillis) -> Self {
        Self {
            keys: keys.clone(),
            now,
            latest: latest_end(now, until),
            until,
            message: None,
        }
    }

    /// A message that is stored is claimed without an end.
    pub(crate) fn of_message(message: &NewMessage, now: UnixMillis) -> Self {
        Self {
            keys: message.keys.clone(),
            now,
            latest: now.saturating_add(LONGEST_LEASE),
            until: NO_END,
            message: Some(message.id.clone()),
        }
    }

    /// A handle's tokens are consecutive, so every 64th claim of each handle sweeps. 64 claims leave at
    /// most 192 rows, fewer than one sweep deletes.
    pub(crate) fn sweep(&self, sql: &'static str) -> Option<Statement> {
        let is_due = self.keys.token().is_multiple_of(64);
        is_due.then(|| Statement::new(sql).time(self.now))
    }

    /// Binds the keys and the time: parameters 1 to 5.
    pub(crate) fn held(&self, sql: &'static str) -> Statement {
        Statement::new(sql)
            .blob(bytes(&self.keys.key()))
            .blob(self.keys.replay_key().as_ref().map(bytes))
            .blob(self.keys.id_key().as_ref().map(bytes))
            .time(self.now)
            .time(self.latest)
    }

    /// Binds the keys, the time and the claim: parameters 1 to 10.
    pub(crate) fn claim(&self, sql: &'static str) -> Statement {
        let keys = &self.keys;
        self.held(sql)
            .int(keys.token().cast_signed())
            .time(self.until)
            .time(self.now.saturating_add(keys.replay_window()))
            .bool(self.message.is_some())
            .text(self.message.as_ref().map(InboxId::as_str))
    }
}

/// End of what has no end: the largest that fits its column.
const NO_END: UnixMillis = UnixMillis::from_millis(i64::MAX.cast_unsigned());

/// Returns what the claim that holds the message means for another one. Without one the request was
/// received under another id, and was done.
pub(crate) fn held(claim: Option<(bool, i64)>) -> Result<Claimed, StoreError> {
    match claim {
        Some((false, until)) => Ok(Claimed::InFlight {
            until: time("tas_dedupe.until", until)?,
        }),
        Some((true, _)) | None => Ok(Claimed::Done),
    }
}

/// Binds the key and the token of a claim, and its end.
pub(crate) fn renew(sql: &'static str, keys: &DedupeKeys, until: UnixMillis) -> Statement {
    release(sql, keys).time(until)
}

/// Binds the key and the token of a claim, and the end of what it leaves.
pub(crate) fn commit(sql: &'static str, keys: &DedupeKeys, now: UnixMillis) -> Statement {
    release(sql, keys).time(now.saturating_add(keys.retention()))
}

/// Binds the key and the token of a claim.
pub(crate) fn release(sql: &'static str, keys: &DedupeKeys) -> Statement {
    let statement = Statement::new(sql).blob(bytes(&keys.key()));
    statement.int(keys.token().cast_signed())
}

fn bytes(key: &DedupeKey) -> &[u8] {
    key.as_bytes()
}
