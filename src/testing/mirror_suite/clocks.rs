//! Late snapshots, and clock differences.

use serde_json::{Value, json};

use super::{alive, apply, apply_all, event};
use crate::receive::mirror::Mirror;
use crate::wire::event::{AuthEvent, SessionHandle, User};

/// Returns the user that each order of events leaves; its id begins with `who`.
async fn in_orders(mirror: &Mirror, who: &str, events: &[(&str, u64, Value)]) -> Vec<User> {
    let forward = |user: &str| -> Vec<AuthEvent> {
        let with_id = |(name, at, data): &(&str, u64, Value)| {
            let mut data = data.clone();
            data["id"] = user.into();
            event(name, *at, data)
        };
        events.iter().map(with_id).collect()
    };
    let mut users = Vec::new();
    for turn in 0..events.len() {
        for backward in [false, true] {
            let id = format!("{who}{turn}{backward}");
            let mut events = forward(&id);
            events.rotate_left(turn);
            if backward {
                events.reverse();
            }
            apply_all(mirror, &events).await;
            users.push(mirror.user(&id).await.unwrap().unwrap());
        }
    }
    users
}

/// A session with its `createdAt` by the auth server's clock and its event's time by the sender's.
fn opened(token: &str, created_at: Option<u64>, at: u64) -> AuthEvent {
    let mut data = json!({ "handle": SessionHandle::of_token(token), "userId": "u" });
    if let Some(created_at) = created_at {
        data["createdAt"] = created_at.into();
    }
    event("session.created", at, data)
}

pub async fn a_statement_with_an_old_snapshot_undoes_no_later_change(mirror: Mirror) {
    let story = [
        ("user.created", 0, json!({ "email": "old", "updatedAt": 0 })),
        ("user.updated", 1, json!({ "email": "new", "updatedAt": 1 })),
        // The user as looked up before the call, maybe in a cache.
        (
            "two_factor.disabled",
            2,
            json!({ "email": "old", "twoFactorEnabled": true, "updatedAt": 0 }),
        ),
    ];
    for user in in_orders(&mirror, "u", &story).await {
        assert_eq!(user.email.as_deref(), Some("new"));
        assert_eq!(user.two_factor_enabled, Some(false));
    }
}

pub async fn a_snapshot_from_before_a_statement_does_not_beat_it_however_late(mirror: Mirror) {
    let cached = json!({
        "banned": false, "emailVerified": false, "twoFactorEnabled": false, "updatedAt": 1,
    });
    let story = [
        ("user.created", 1, cached.clone()),
        ("user.banned", 2, json!({})),
        ("email.verified", 2, json!({})),
        ("two_factor.enabled", 2, json!({})),
        ("user.updated", 60, cached),
    ];
    for user in in_orders(&mirror, "u", &story).await {
        assert_eq!(user.banned, Some(true));
        assert_eq!(user.email_verified, Some(true));
        assert_eq!(user.two_factor_enabled, Some(true));
    }
}

pub async fn a_ban_holds_when_the_sender_s_clock_is_behind(mirror: Mirror) {
    let dated = json!({ "banned": true, "updatedAt": 6 });
    for (who, ban) in [("bare", json!({})), ("dated", dated)] {
        let story = [
            // By the sender's clock this was at 2.
            (
                "user.created",
                2,
                json!({ "banned": false, "updatedAt": 5 }),
            ),
            ("user.banned", 3, ban),
        ];
        for user in in_orders(&mirror, who, &story).await {
            assert_eq!(user.banned, Some(true));
            apply(
                &mirror,
                &event("user.unbanned", 4, json!({ "id": user.id })),
            )
            .await;
            let user = mirror.user(&user.id).await.unwrap().unwrap();
            assert_eq!(user.banned, Some(false));
        }
    }
}

pub async fn a_later_snapshot_beats_a_statement(mirror: Mirror) {
    let story = [
        ("user.banned", 3, json!({ "banned": true, "updatedAt": 3 })),
        ("email.verified", 3, json!({})),
        (
            "user.updated",
            5,
            json!({ "banned": false, "emailVerified": false, "updatedAt": 5 }),
        ),
    ];
    for user in in_orders(&mirror, "u", &story).await {
        assert_eq!(user.banned, Some(false));
        assert_eq!(user.email_verified, Some(false));
    }
}

pub async fn of_a_ban_and_an_unban_at_one_time_the_ban_counts(mirror: Mirror) {
    let story = [
        ("user.unbanned", 3, json!({})),
        ("user.banned", 3, json!({})),
    ];
    for user in in_orders(&mirror, "u", &story).await {
        assert_eq!(user.banned, Some(true));
    }
}

pub async fn a_session_opened_after_an_unban_lives_though_the_clocks_differ(mirror: Mirror) {
    let ban = |at: u64, updated_at: Option<u64>| match updated_at {
        Some(time) => event("user.banned", at, json!({ "id": "u", "updatedAt": time })),
        None => event("user.banned", at, json!({ "id": "u" })),
    };
    // The sender's clock is ahead by 10.
    apply(&mirror, &ban(15, Some(5))).await;
    apply(&mirror, &event("user.unbanned", 16, json!({ "id": "u" }))).await;
    apply_all(&mirror, &[opened("a", Some(7), 17), opened("b", None, 17)]).await;
    assert_eq!(alive(&mirror, ["a", "b"]).await, [true, true]);
    apply(&mirror, &ban(15, None)).await;
    assert_eq!(alive(&mirror, ["a", "b"]).await, [true, true]);
}

pub async fn a_session_opened_before_a_ban_has_ended_by_either_clock(mirror: Mirror) {
    let ban = event("user.banned", 15, json!({ "id": "u", "updatedAt": 5 }));
    // After the ban; without `createdAt`; with both times.
    let sessions = || {
        [
            opened("late", Some(4), 16),
            opened("bare", None, 14),
            opened("both", Some(4), 14),
        ]
    };
    apply_all(&mirror, &sessions()).await;
    apply(&mirror, &ban).await;
    let tokens = ["late", "bare", "both"];
    assert_eq!(alive(&mirror, tokens).await, [false; 3]);
    apply_all(&mirror, &sessions()).await;
    assert_eq!(alive(&mirror, tokens).await, [false; 3]);
}

pub async fn a_session_that_a_ban_ended_stays_dead_after_any_event(mirror: Mirror) {
    apply(&mirror, &opened("a", Some(1), 1)).await;
    apply(&mirror, &event("user.banned", 5, json!({ "id": "u" }))).await;
    apply_all(&mirror, &[opened("b", Some(1), 1), opened("c", None, 9)]).await;
    // This one was opened earlier than it seemed.
    apply(&mirror, &opened("c", None, 2)).await;
    let again = ["a", "b", "c"].map(|token| opened(token, None, 9));
    apply_all(&mirror, &again).await;
    assert_eq!(alive(&mirror, ["a", "b", "c"]).await, [false; 3]);
}
