//! One field of a user or session, merged from all updates. Pure.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::change::Update;
use crate::base::clock::UnixMillis;

/// The newest value of each of two kinds; no common clock orders the kinds.
///
/// Each half only grows, so that the value depends on the set of updates and not on their order.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    /// From updates with an `updatedAt`: ordered by that, then by the time of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    dated: Option<FieldValue<(UnixMillis, UnixMillis)>>,
    /// From updates without one, or from the event's name: ordered by the time of the event, then by
    /// the name. The stored key is `told`.
    #[serde(rename = "told", skip_serializing_if = "Option::is_none")]
    undated: Option<FieldValue<(UnixMillis, bool)>>,
}

/// Version of a value, the value, and the ULID of its message.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct FieldValue<V>(
    V,
    Value,
    #[serde(default, skip_serializing_if = "Option::is_none")] Option<String>,
);

impl Field {
    /// Takes `value` where it is newer. Returns whether it is.
    pub(super) fn merge(&mut self, value: &Value, update: &Update, by_name: bool) -> bool {
        let times = update.times;
        let ulid = update.ulid.as_ref();
        let sent_at = times.sender();
        let mut changed = false;
        if let Some(updated_at) = times.server() {
            changed |= raise(&mut self.dated, (updated_at, sent_at), value, ulid);
        }
        if by_name || times.server().is_none() {
            changed |= raise(&mut self.undated, (sent_at, by_name), value, ulid);
        }
        changed
    }

    /// Returns the value that counts; `None` without an update.
    ///
    /// A snapshot may arrive after another event and be older than it, from a cache for instance. So
    /// it counts only if both of its times are later.
    pub(super) fn value(&self) -> Option<&Value> {
        let dated = self.dated.as_ref().map(|FieldValue(_, value, _)| value);
        let undated = self.undated.as_ref().map(|FieldValue(_, value, _)| value);
        match (&self.dated, &self.undated) {
            (
                Some(FieldValue((updated_at, sent_at), ..)),
                Some(FieldValue((undated_at, _), ..)),
            ) if updated_at.min(sent_at) <= undated_at => undated,
            _ => dated.or(undated),
        }
    }
}

/// Replaces `known` if `version` is newer.
///
/// Of two values of one version, the value of the later message counts; a value without a ULID is the
/// earliest. If that is equal too, the greater text counts, and so `true` of `true` and `false`.
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
