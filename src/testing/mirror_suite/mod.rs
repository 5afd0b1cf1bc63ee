//! The conformance suite of [`MirrorStore`](crate::receive::mirror::MirrorStore).

pub mod clocks;
pub mod orders;
pub mod revocations;
pub mod rules;

use serde_json::{Value, json};

use crate::receive::mirror::{Applied, Mirror, MirrorStore};
use crate::wire::event::{AuthEvent, SessionHandle};

/// Makes one test for each point of the contract of [`MirrorStore`](crate::receive::mirror::MirrorStore).
///
/// Takes a closure that makes, each time, an empty store and whatever has to outlive it, such as its
/// directory: `async || -> (impl MirrorStore, Guard)`. Put it in a module of its own. Needs `tokio`
/// with `macros` and `rt` beside it.
///
/// ```
/// mod memory {
///     tower_auth_sync::testing::mirror_store_tests!(async || {
///         (tower_auth_sync::mirror::MemoryMirror::new(), ())
///     });
/// }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __mirror_store_tests {
    ($make:expr) => {
        $crate::__mirror_store_tests! { @cases $make, clocks;
            a_statement_with_an_old_snapshot_undoes_no_later_change
            a_snapshot_from_before_a_statement_does_not_beat_it_however_late
            a_ban_holds_when_the_sender_s_clock_is_behind
            a_later_snapshot_beats_a_statement
            of_a_ban_and_an_unban_at_one_time_the_ban_counts
            a_session_opened_after_an_unban_lives_though_the_clocks_differ
            a_session_opened_before_a_ban_has_ended_by_either_clock
            a_session_that_a_ban_ended_stays_dead_after_any_event
        }
        $crate::__mirror_store_tests! { @cases $make, revocations;
            a_revocation_that_names_another_user_ends_no_session
            a_session_that_two_users_are_said_to_own_stays_the_first_one_s
            a_session_revoked_before_it_was_seen_stays_dead_as_long_as_one_can_live
        }
        $crate::__mirror_store_tests! { @cases $make, rules;
            a_user_is_kept_with_all_its_fields
            an_update_before_its_create_makes_a_row_which_the_create_completes
            a_late_update_overwrites_nothing
            a_null_clears_a_field_and_an_absent_one_is_kept
            an_event_without_a_time_fills_in_and_overwrites_nothing
            events_of_one_updated_at_go_by_their_times
            the_event_s_name_outranks_a_snapshot
            a_deleted_user_stays_dead
            sessions_of_a_deleted_user_are_gone_and_stay_dead
            a_revoked_session_stays_dead
            a_ban_ends_the_sessions_opened_before_it
            a_session_keeps_its_user_after_a_second_event
            passwords_and_tokens_are_not_kept
        }
        $crate::__mirror_store_tests! { @cases $make, orders;
            applying_an_event_twice_changes_nothing
            every_order_of_events_ends_the_same
            events_at_once_end_as_one_after_the_other
        }
    };
    (@cases $make:expr, $part:ident; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let (store, _guard) = ($make)().await;
                $crate::testing::mirror_suite::$part::$case($crate::testing::mirror_suite::MirrorPort::from(store).0)
                    .await;
            }
        )*
    };
}

/// The handle of one store.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct MirrorPort(pub Mirror);

impl<S: MirrorStore> From<S> for MirrorPort {
    fn from(store: S) -> Self {
        Self(Mirror::new(store))
    }
}

impl From<Mirror> for MirrorPort {
    fn from(mirror: Mirror) -> Self {
        Self(mirror)
    }
}

/// Start of the tests, in seconds since 1970.
const START: u64 = 1_700_000_000;

/// An event that happened `at` seconds after the start, with times in its data counted the same way.
fn event(name: &str, at: u64, mut data: Value) -> AuthEvent {
    for field in ["createdAt", "updatedAt", "expiresAt"] {
        if let Some(time) = data.get_mut(field).filter(|time| time.is_u64()) {
            *time = (START + time.as_u64().unwrap()).into();
        }
    }
    let payload = json!({ "event": name, "timestamp": START + at, "data": data });
    AuthEvent::from_slice(payload.to_string().as_bytes()).unwrap()
}

async fn apply(mirror: &Mirror, event: &AuthEvent) -> Applied {
    mirror.apply(event).await.unwrap()
}

async fn apply_all(mirror: &Mirror, events: &[AuthEvent]) {
    for event in events {
        apply(mirror, event).await;
    }
}

/// Returns a user and its sessions, for comparison.
async fn snapshot(mirror: &Mirror, user: &str) -> Value {
    json!({
        "user": mirror.user(user).await.unwrap(),
        "sessions": mirror.sessions_of(user).await.unwrap(),
    })
}

/// Returns whether each session exists.
async fn alive<const N: usize>(mirror: &Mirror, tokens: [&str; N]) -> [bool; N] {
    let mut alive = [false; N];
    for (alive, token) in alive.iter_mut().zip(tokens) {
        let handle = SessionHandle::of_token(token);
        *alive = mirror.session(&handle).await.unwrap().is_some();
    }
    alive
}
