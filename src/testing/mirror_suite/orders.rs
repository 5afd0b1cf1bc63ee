//! Events in every order, twice, and at once.

use serde_json::json;
use tokio::task::JoinSet;

use super::rules::{opened, revoked};
use super::{apply, event, snapshot};
use crate::receive::mirror::{Applied, Mirror};
use crate::wire::event::{AuthEvent, SessionHandle};

pub async fn applying_an_event_twice_changes_nothing(mirror: Mirror) {
    for event in story("u") {
        apply(&mirror, &event).await;
        let before = snapshot(&mirror, "u").await;
        assert_eq!(
            apply(&mirror, &event).await,
            Applied::Unchanged,
            "{event:?}"
        );
        assert_eq!(snapshot(&mirror, "u").await, before);
    }
}

pub async fn every_order_of_events_ends_the_same(mirror: Mirror) {
    let count = story("").len();
    let mut ends = Vec::new();
    for (index, order) in orders(count).into_iter().enumerate() {
        let user = format!("u{index:04}");
        let events = story(&user);
        for place in order {
            apply(&mirror, &events[place]).await;
        }
        let end = snapshot(&mirror, &user).await.to_string();
        // Handles differ, as each user has sessions of its own.
        let handles = ["a", "b", "c"].map(|name| SessionHandle::of_token(&format!("{user}{name}")));
        let end = handles
            .iter()
            .zip(["A", "B", "C"])
            .fold(end.replace(&user, "u"), |end, (handle, name)| {
                end.replace(handle.as_str(), name)
            });
        ends.push(end);
    }
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:#?}");
    assert!(ends[0].contains("newer"), "{}", ends[0]);
}

pub async fn events_at_once_end_as_one_after_the_other(mirror: Mirror) {
    let mut tasks = JoinSet::new();
    for at in 1..=32 {
        let mirror = mirror.clone();
        tasks.spawn(async move {
            let field = format!("field{at}");
            let data = json!({ "id": "u", "name": at.to_string(), field: at });
            apply(&mirror, &event("user.updated", at, data)).await
        });
    }
    while let Some(applied) = tasks.join_next().await {
        assert_eq!(applied.unwrap(), Applied::Changed);
    }
    let user = mirror.user("u").await.unwrap().unwrap();
    assert_eq!(user.name.as_deref(), Some("32"));
    assert_eq!(user.extra.len(), 32);
}

/// Events of one user that involve each rule.
fn story(user: &str) -> Vec<AuthEvent> {
    let session = |name: &str| format!("{user}{name}");
    let created = json!({ "id": user, "name": "old", "email": "a@example.com", "createdAt": 1 });
    let updated = json!({ "id": user, "name": "newer", "updatedAt": 4 });
    vec![
        event("user.created", 1, created),
        opened(&session("a"), user, 2),
        event("user.updated", 4, updated),
        event("user.banned", 5, json!({ "id": user })),
        opened(&session("b"), user, 6),
        revoked(&session("b"), 7),
        opened(&session("c"), user, 8),
    ]
}

/// Orders of `0..count` that bring every pair of events into both orders, and few enough for a
/// store on a disk.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = Vec::new();
    for turn in 0..count {
        let mut forward: Vec<usize> = (0..count).collect();
        forward.rotate_left(turn);
        let backward: Vec<usize> = forward.iter().rev().copied().collect();
        for first in 0..count {
            for base in [&forward, &backward] {
                let mut order = base.clone();
                order.swap(0, first);
                orders.push(order);
            }
        }
    }
    orders
}
