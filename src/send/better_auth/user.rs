//! Events of a user: the difference between two look-ups.

use serde_json::Value;

use super::input::RuleInput;
use crate::send::emit::Data;
use crate::wire::event::{AuthEvent, EventType};

/// Returns the events of the change from `before` to `after`, each with the whole user.
///
/// `updatedAt` alone is no difference: Better Auth renews it also where nothing else changes.
pub(super) fn changes(input: &RuleInput<'_>, before: &Data, after: &Data) -> Vec<AuthEvent> {
    let Some(data) = input.include.user(after) else {
        return Vec::new();
    };
    let differs = |name: &str| shown(before, name) != shown(after, name);
    let became = |name| {
        shown(after, name)
            .and_then(Value::as_bool)
            .filter(|_| differs(name))
    };
    let is_banned = |user| shown(user, "banned") == Some(&Value::Bool(true));
    let previous = input.include.user(before).unwrap_or_default();
    let mut names = data.keys().chain(previous.keys());
    let has_own_event = |name: &str| name == SECOND_FACTOR || BAN.contains(&name);
    let updated = names.any(|name| name != "updatedAt" && !has_own_event(name) && differs(name));
    let ban = match (is_banned(before), is_banned(after)) {
        (_, true) if BAN.into_iter().any(differs) => Some(EventType::UserBanned),
        (true, false) => Some(EventType::UserUnbanned),
        _ => None,
    };
    let second_factor = became(SECOND_FACTOR).map(|on| match on {
        true => EventType::TwoFactorEnabled,
        false => EventType::TwoFactorDisabled,
    });
    let events = [
        updated.then_some(EventType::UserUpdated),
        (became("emailVerified") == Some(true)).then_some(EventType::EmailVerified),
        second_factor,
        ban,
    ];
    let events = events.into_iter().flatten();
    events
        .map(|name| AuthEvent::new(name, data.clone()))
        .collect()
}

/// Returns a field's value; `None` if it is absent or `null`.
fn shown<'a>(user: &'a Data, name: &str) -> Option<&'a Value> {
    user.get(name).filter(|value| !value.is_null())
}

/// The fields of a ban.
const BAN: [&str; 3] = ["banned", "banReason", "banExpires"];

/// The second factor. Like a ban it has events of its own.
const SECOND_FACTOR: &str = "twoFactorEnabled";
