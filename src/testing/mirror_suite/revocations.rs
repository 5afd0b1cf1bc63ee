//! Revocations: of other users, and of unseen sessions.

use std::time::Duration;

use serde_json::json;

use super::rules::{opened, revoked};
use super::{START, alive, apply, apply_all, event};
use crate::base::clock::UnixMillis;
use crate::receive::mirror::{Applied, Mirror};
use crate::testing::clock::ManualClock;
use crate::wire::event::{AuthEvent, SessionHandle};

fn revoked_of(token: &str, user: &str, at: u64) -> AuthEvent {
    let data = json!({ "handle": SessionHandle::of_token(token), "userId": user });
    event("session.revoked", at, data)
}

pub async fn a_revocation_that_names_another_user_ends_no_session(mirror: Mirror) {
    let ownerless = |token: &str| {
        event(
            "session.created",
            1,
            json!({ "handle": SessionHandle::of_token(token) }),
        )
    };
    apply(&mirror, &opened("after", "u", 1)).await;
    let foreign = revoked_of("after", "v", 2);
    assert_eq!(apply(&mirror, &foreign).await, Applied::Unchanged);
    apply_all(
        &mirror,
        &[revoked_of("before", "v", 2), opened("before", "u", 1)],
    )
    .await;
    assert_eq!(alive(&mirror, ["after", "before"]).await, [true, true]);
    for token in ["after", "before"] {
        let own = revoked_of(token, "u", 3);
        assert_eq!(apply(&mirror, &own).await, Applied::Changed);
        assert_eq!(apply(&mirror, &own).await, Applied::Unchanged);
    }
    apply_all(
        &mirror,
        &[opened("after", "u", 1), opened("before", "u", 1)],
    )
    .await;
    apply_all(&mirror, &[revoked_of("own", "u", 3), opened("own", "u", 1)]).await;
    // The session has no user, so the revocation may be for it.
    apply_all(
        &mirror,
        &[ownerless("x"), revoked_of("x", "u", 3), ownerless("x")],
    )
    .await;
    apply_all(
        &mirror,
        &[revoked_of("y", "u", 3), ownerless("y"), opened("y", "u", 1)],
    )
    .await;
    let tokens = ["after", "before", "own", "x", "y"];
    assert_eq!(alive(&mirror, tokens).await, [false; 5]);
}

pub async fn a_session_that_two_users_are_said_to_own_stays_the_first_one_s(mirror: Mirror) {
    apply(&mirror, &opened("a", "u", 1)).await;
    apply(&mirror, &event("user.deleted", 2, json!({ "id": "v" }))).await;
    let foreign = opened("a", "v", 3);
    assert_eq!(apply(&mirror, &foreign).await, Applied::Unchanged);
    assert_eq!(mirror.sessions_of("u").await.unwrap().len(), 1);
    apply(&mirror, &event("user.deleted", 4, json!({ "id": "u" }))).await;
    assert_eq!(alive(&mirror, ["a"]).await, [false]);
}

pub async fn a_session_revoked_before_it_was_seen_stays_dead_as_long_as_one_can_live(
    mirror: Mirror,
) {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let clock = ManualClock::at(UnixMillis::from_millis(START * 1000));
    let mirror = mirror
        .with_clock(clock.clone())
        .with_longest_session(10 * DAY);
    apply(&mirror, &opened("seen", "u", 1)).await;
    apply_all(
        &mirror,
        &[revoked("seen", 2), revoked("a", 2), revoked_of("b", "u", 2)],
    )
    .await;
    let late = ["seen", "a", "b"].map(|token| opened(token, "u", 1));
    clock.advance(10 * DAY - Duration::from_millis(1));
    // A repeated revocation does not last longer.
    apply_all(&mirror, &[revoked("a", 2), revoked_of("b", "u", 2)]).await;
    apply_all(&mirror, &late).await;
    assert_eq!(alive(&mirror, ["seen", "a", "b"]).await, [false; 3]);
    clock.advance(Duration::from_millis(1));
    apply_all(&mirror, &late).await;
    assert_eq!(
        alive(&mirror, ["seen", "a", "b"]).await,
        [false, true, true]
    );
    apply_all(&mirror, &[revoked("a", 3), revoked_of("b", "u", 3)]).await;
    assert_eq!(alive(&mirror, ["seen", "a", "b"]).await, [false; 3]);
}
