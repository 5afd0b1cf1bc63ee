//! One field of a record: what is kept of all that was told of it. Pure.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::change::Update;
use crate::base::clock::UnixMillis;

/// The newest value of each of two kinds, which have no clock in common that orders both.
///
/// Each half only grows, so that what a field holds depends on what was told and not on the order.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    /// Update with an `updatedAt`: goes by that, then by the event's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    dated: Option<FieldValue<(UnixMillis, UnixMillis)>>,
    /// Update without, or by the event's name: goes by the event's time, of one time by the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<FieldValue<(UnixMillis, bool)>>,
}

/// How new a value is, the value, and the ULID of the message that told it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct FieldValue<V>(
    V,
    Value,
    #[serde(default, skip_serializing_if = "Option::is_none")] Option<String>,
);

impl Field {
    /// Takes a value over where it is newer. Returns whether it is.
    pub(super) fn merge(&mut self, value: &Value, told: &Update, by_name: bool) -> bool {
        let times = told.times;
        let ulid = told.ulid.as_ref();
        let sent_at = times.sender();
        let mut changed = false;
        if let Some(updated_at) = times.server() {
            changed |= raise(&mut self.dated, (updated_at, sent_at), value, ulid);
        }
        if by_name || times.server().is_none() {
            changed |= raise(&mut self.told, (sent_at, by_name), value, ulid);
        }
        changed
    }

    /// Returns the value that counts; `None` if none was told.
    ///
    /// A snapshot may be told after something else and be taken before it, from a cache for
    /// instance. So it counts only if both of its times are later.
    pub(super) fn value(&self) -> Option<&Value> {
        let dated = self.dated.as_ref().map(|FieldValue(_, value, _)| value);
        let told = self.told.as_ref().map(|FieldValue(_, value, _)| value);
        match (&self.dated, &self.told) {
            (Some(FieldValue((updated_at, sent_at), ..)), Some(FieldValue((told_at, _), ..)))
                if updated_at.min(sent_at) <= told_at =>
            {
                told
            }
            _ => dated.or(told),
        }
    }
}

/// Of two values of one version the one of the later message counts; one without a ULID is the
/// earliest. Without that too the greater text counts, and so `true` of `true` and `false`.
fn raise<V: Ord>(
    known: &mut Option<FieldValue<V>>,
    version: V,
    value: &Value,
    ulid: Option<&String>,
) -> bool {
    let is_newer = known
        .as_ref()
        .is_none_or(|FieldValue(known, other, before)| {
            let order = version.cmp(known).then_with(|| ulid.cmp(&before.as_ref()));
            order.then_with(|| value.to_string().cmp(&other.to_string())) == Ordering::Greater
        });
    if is_newer {
        *known = Some(FieldValue(version, value.clone(), ulid.cloned()));
    }
    is_newer
}
