//! The rules, one by one.

use serde_json::{Value, json};

use super::{START, alive, apply, apply_all, event, snapshot};
use crate::base::clock::UnixMillis;
use crate::receive::mirror::{Applied, Mirror};
use crate::wire::event::{AuthEvent, SessionHandle};

pub(super) fn opened(token: &str, user: &str, at: u64) -> AuthEvent {
    let handle = SessionHandle::of_token(token);
    let data = json!({ "handle": handle, "userId": user, "createdAt": at });
    event("session.created", at, data)
}

pub(super) fn revoked(token: &str, at: u64) -> AuthEvent {
    let data = json!({ "handle": SessionHandle::of_token(token) });
    event("session.revoked", at, data)
}

pub async fn a_user_is_kept_with_all_its_fields(mirror: Mirror) {
    let data = json!({
        "id": "u", "email": "ada@example.com", "emailVerified": false, "name": "Ada 🦀",
        "createdAt": 1, "updatedAt": 2, "role": "user", "plan": { "seats": 3 },
    });
    let created = event("user.created", 2, data);
    assert_eq!(apply(&mirror, &created).await, Applied::Changed);
    let user = mirror.user("u").await.unwrap().unwrap();
    assert_eq!(user.email.as_deref(), Some("ada@example.com"));
    assert_eq!(user.name.as_deref(), Some("Ada 🦀"));
    assert_eq!(user.email_verified, Some(false));
    let updated_at = UnixMillis::from_millis((START + 2) * 1000);
    assert_eq!(user.updated_at, Some(updated_at));
    assert_eq!(user.extra["plan"], json!({ "seats": 3 }));
    assert!(mirror.user("U").await.unwrap().is_none());
}

pub async fn an_update_before_its_create_makes_a_row_which_the_create_completes(mirror: Mirror) {
    let update = event("user.updated", 9, json!({ "id": "u", "name": "new" }));
    assert_eq!(apply(&mirror, &update).await, Applied::Changed);
    let data = json!({ "id": "u", "name": "old", "email": "a@example.com", "createdAt": 1 });
    assert_eq!(
        apply(&mirror, &event("user.created", 1, data)).await,
        Applied::Changed
    );
    let user = mirror.user("u").await.unwrap().unwrap();
    assert_eq!(user.name.as_deref(), Some("new"));
    assert_eq!(user.email.as_deref(), Some("a@example.com"));
}

pub async fn a_late_update_overwrites_nothing(mirror: Mirror) {
    let name = |name: &str, updated_at: u64, at: u64| {
        let data = json!({ "id": "u", "name": name, "updatedAt": updated_at });
        event("user.updated", at, data)
    };
    apply(&mirror, &name("newest", 9, 9)).await;
    // A later event about an earlier state.
    assert_eq!(
        apply(&mirror, &name("older", 5, 20)).await,
        Applied::Unchanged
    );
    let user = mirror.user("u").await.unwrap().unwrap();
    assert_eq!(user.name.as_deref(), Some("newest"));
}

pub async fn a_null_clears_a_field_and_an_absent_one_is_kept(mirror: Mirror) {
    let data = json!({ "id": "u", "name": "n", "image": "https://example.com/i", "team": "t" });
    apply(&mirror, &event("user.created", 1, data)).await;
    let data = json!({ "id": "u", "image": null, "team": null });
    apply(&mirror, &event("user.updated", 2, data)).await;
    let user = mirror.user("u").await.unwrap().unwrap();
    assert_eq!(user.name.as_deref(), Some("n"));
    assert_eq!(user.image, None);
    assert_eq!(user.extra["team"], Value::Null);
}

pub async fn an_event_without_a_time_fills_in_and_overwrites_nothing(mirror: Mirror) {
    apply(
        &mirror,
        &event("user.created", 1, json!({ "id": "u", "name": "n" })),
    )
    .await;
    let timeless = br#"{"event":"user.updated","data":{"id":"u","name":"x","role":"admin"}}"#;
    apply(&mirror, &AuthEvent::from_slice(timeless).unwrap()).await;
    let user = mirror.user("u").await.unwrap().unwrap();
    assert_eq!(user.name.as_deref(), Some("n"));
    assert_eq!(user.role.as_deref(), Some("admin"));
}

pub async fn events_of_one_updated_at_go_by_their_times(mirror: Mirror) {
    let role = |role: &str, at: u64| {
        let data = json!({ "id": "u", "role": role, "updatedAt": 1 });
        event("user.updated", at, data)
    };
    apply_all(&mirror, &[role("second", 3), role("first", 2)]).await;
    let user = mirror.user("u").await.unwrap().unwrap();
    assert_eq!(user.role.as_deref(), Some("second"));
}

pub async fn the_event_s_name_outranks_a_snapshot(mirror: Mirror) {
    let before = json!({
        "id": "u", "banned": false, "emailVerified": false, "twoFactorEnabled": false,
        "updatedAt": 1,
    });
    for (at, name) in [
        (1, "user.created"),
        (2, "user.banned"),
        (3, "email.verified"),
    ] {
        apply(&mirror, &event(name, at, before.clone())).await;
    }
    apply(&mirror, &event("two_factor.enabled", 4, before.clone())).await;
    let user = mirror.user("u").await.unwrap().unwrap();
    assert_eq!(user.two_factor_enabled, Some(true));
    let told = json!({ "id": "u" });
    apply(&mirror, &event("user.banned", 5, told.clone())).await;
    let user = mirror.user("u").await.unwrap().unwrap();
    assert_eq!(user.banned, Some(true));
    apply(&mirror, &event("user.unbanned", 6, told)).await;
    let user = mirror.user("u").await.unwrap().unwrap();
    assert_eq!(user.banned, Some(false));
}

pub async fn a_deleted_user_stays_dead(mirror: Mirror) {
    let told = json!({ "id": "u", "name": "n" });
    apply(&mirror, &event("user.created", 1, told.clone())).await;
    let deleted = event("user.deleted", 2, json!({ "id": "u" }));
    assert_eq!(apply(&mirror, &deleted).await, Applied::Changed);
    for (name, at) in [("user.updated", 3), ("user.created", 9), ("user.banned", 9)] {
        let late = event(name, at, told.clone());
        assert_eq!(apply(&mirror, &late).await, Applied::Unchanged, "{name}");
    }
    assert!(mirror.user("u").await.unwrap().is_none());
    apply(&mirror, &event("user.deleted", 2, json!({ "id": "v" }))).await;
    apply(&mirror, &event("user.created", 1, json!({ "id": "v" }))).await;
    assert!(mirror.user("v").await.unwrap().is_none());
}

pub async fn sessions_of_a_deleted_user_are_gone_and_stay_dead(mirror: Mirror) {
    apply_all(&mirror, &[opened("a", "u", 1), opened("b", "v", 1)]).await;
    apply(&mirror, &event("user.deleted", 2, json!({ "id": "u" }))).await;
    let late = opened("c", "u", 1);
    assert_eq!(apply(&mirror, &late).await, Applied::Unchanged);
    let later = opened("d", "u", 9);
    assert_eq!(apply(&mirror, &later).await, Applied::Unchanged);
    let tokens = ["a", "b", "c", "d"];
    assert_eq!(alive(&mirror, tokens).await, [false, true, false, false]);
    assert!(mirror.sessions_of("u").await.unwrap().is_empty());
}

pub async fn a_revoked_session_stays_dead(mirror: Mirror) {
    apply(&mirror, &opened("a", "u", 1)).await;
    assert_eq!(apply(&mirror, &revoked("a", 2)).await, Applied::Changed);
    assert_eq!(apply(&mirror, &revoked("b", 2)).await, Applied::Changed);
    for token in ["a", "b"] {
        let late = opened(token, "u", 1);
        assert_eq!(apply(&mirror, &late).await, Applied::Unchanged);
    }
    assert_eq!(alive(&mirror, ["a", "b"]).await, [false, false]);
}

pub async fn a_ban_ends_the_sessions_opened_before_it(mirror: Mirror) {
    apply_all(&mirror, &[opened("a", "u", 1), opened("other", "v", 1)]).await;
    apply(&mirror, &event("user.banned", 5, json!({ "id": "u" }))).await;
    apply(&mirror, &event("user.unbanned", 7, json!({ "id": "u" }))).await;
    // One that was on its way when the ban came, and one of after the ban.
    apply_all(&mirror, &[opened("late", "u", 4), opened("new", "u", 8)]).await;
    // A repeated ban, and an earlier one that comes late, end nothing more.
    apply(&mirror, &event("user.banned", 3, json!({ "id": "u" }))).await;
    let tokens = ["a", "other", "late", "new"];
    assert_eq!(alive(&mirror, tokens).await, [false, true, false, true]);
    let user = mirror.user("u").await.unwrap().unwrap();
    assert_eq!(user.banned, Some(false));
}

pub async fn a_session_keeps_its_user_after_a_second_event(mirror: Mirror) {
    apply(&mirror, &opened("a", "u", 1)).await;
    let data = json!({
        "handle": SessionHandle::of_token("a"), "ipAddress": "192.0.2.1", "expiresAt": 99,
    });
    assert_eq!(
        apply(&mirror, &event("session.created", 2, data)).await,
        Applied::Changed
    );
    let sessions = mirror.sessions_of("u").await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].ip_address.as_deref(), Some("192.0.2.1"));
    assert_eq!(sessions[0].user_id.as_deref(), Some("u"));
    let expires_at = UnixMillis::from_millis((START + 99) * 1000);
    assert_eq!(sessions[0].expires_at, Some(expires_at));
}

pub async fn passwords_and_tokens_are_not_kept(mirror: Mirror) {
    let data = json!({ "id": "u", "password": "hunter2" });
    apply(&mirror, &event("user.created", 1, data)).await;
    let data = json!({ "token": "the-token", "userId": "u" });
    apply(&mirror, &event("session.created", 1, data)).await;
    assert_eq!(alive(&mirror, ["the-token"]).await, [true]);
    let kept = snapshot(&mirror, "u").await.to_string();
    for secret in ["hunter2", "the-token"] {
        assert!(!kept.contains(secret), "{kept}");
    }
}
