//! Identity of a verified message.

use std::borrow::Cow;
use std::time::Duration;

use crate::receive::dedupe::{Identity, RETENTION};
use crate::wire::json::pointer;
use crate::wire::scheme::{IdSource, Scheme};

const MAX_ID_LEN: usize = 256;

/// Returns the id in the signed body, if the scheme has one there.
pub(super) fn id_in_body<'b>(scheme: &Scheme, body: &'b [u8]) -> Option<Cow<'b, str>> {
    let IdSource::SignedBody(path) = scheme.id_source() else {
        return None;
    };
    pointer::string_at(body, path).filter(|id| is_id(id))
}

/// Checks the same rules as for an id in a header: no sender needs more, and the log shows it.
fn is_id(text: &str) -> bool {
    (1..=MAX_ID_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns the identity of the message. A signed id outranks an unsigned header.
pub(super) fn identity<'a>(
    scheme: &Scheme,
    header: Option<&'a str>,
    in_body: Option<&'a str>,
    body: &'a [u8],
) -> Identity<'a> {
    let signed = match scheme.id_source() {
        IdSource::SignedHeader => header,
        IdSource::SignedBody(_) => in_body,
        IdSource::UnsignedHeader => None,
    };
    match signed {
        Some(id) => Identity::Signed(id),
        None => Identity::unsigned(header, body),
    }
}

/// Returns whether an id is under the signature and no header has another.
pub(super) fn is_vouched_for(identity: Identity<'_>, header: Option<&str>) -> bool {
    match identity {
        Identity::Signed(id) => header.is_none_or(|header| header == id),
        Identity::Unsigned { .. } => false,
    }
}

/// Returns for how long after its first arrival a request can pass the time check again. The claim
/// follows the end of the body.
pub(super) fn replay_window(tolerance: Duration, body_timeout: Duration) -> Duration {
    let window = tolerance.saturating_mul(2);
    let late = window.saturating_add(SKEW).saturating_add(body_timeout);
    // No body timeout is worth more time than a handled message gets.
    late.clamp(LEAST_REPLAY_WINDOW, RETENTION)
}

/// Least time for which a replay is recognised.
const LEAST_REPLAY_WINDOW: Duration = Duration::from_secs(15 * 60);

/// Largest clock difference between two receivers; with the default body timeout 5 minutes.
const SKEW: Duration = Duration::from_secs(5 * 60 - 10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_is_recognised_between_15_minutes_and_7_days() {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let timeout = Duration::from_secs(10);
        assert_eq!(replay_window(minutes(1), timeout), minutes(15));
        assert_eq!(replay_window(minutes(10), timeout), minutes(25));
        assert_eq!(replay_window(minutes(1), Duration::MAX), RETENTION);
    }
}
