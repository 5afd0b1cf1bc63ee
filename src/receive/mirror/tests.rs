use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::wire::event::{
    AuthEvent, EventType, Resource, Session, SessionHandle, User, VerifiedWebhook, WebhookHead,
};

mod memory {
    crate::__mirror_store_tests!(async || {
        (crate::receive::mirror::memory::MemoryMirror::new(), ())
    });
}

/// A store in memory that can be switched off.
#[derive(Clone, Default)]
struct Faulty {
    inner: MemoryMirror,
    broken: Arc<AtomicBool>,
}

impl MirrorStore for Faulty {
    async fn apply(
        &self,
        change: &MirrorChange,
        now: UnixMillis,
        longest_session: Duration,
    ) -> Result<Applied, StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("switched off"));
        }
        self.inner.apply(change, now, longest_session).await
    }

    async fn user(&self, id: &str) -> Result<Option<User>, StoreError> {
        self.inner.user(id).await
    }

    async fn session(&self, handle: &SessionHandle) -> Result<Option<Session>, StoreError> {
        self.inner.session(handle).await
    }

    async fn sessions_of(&self, user_id: &str) -> Result<Vec<Session>, StoreError> {
        self.inner.sessions_of(user_id).await
    }
}

fn event(name: &str, data: &Value) -> AuthEvent {
    let payload = json!({ "event": name, "timestamp": 1_700_000_000, "data": data });
    AuthEvent::from_slice(payload.to_string().as_bytes()).unwrap()
}

/// Response of the mirror's service to a verified body: status, `Retry-After`, problem slug.
async fn answer(mirror: &Mirror, body: &'static str) -> (StatusCode, Option<String>, String) {
    let body = Bytes::from_static(body.as_bytes());
    let delivered = VerifiedWebhook::new(
        WebhookHead {
            id: Some("msg_1".into()),
            id_is_authentic: true,
            sent_at: None,
            scheme: "banata".into(),
            key_index: 0,
            tenant: None,
        },
        body,
    );
    let mut request = Request::new(());
    request.extensions_mut().insert(delivered);
    respond(mirror, request).await
}

async fn respond(mirror: &Mirror, request: Request<()>) -> (StatusCode, Option<String>, String) {
    let response = mirror.service().oneshot(request).await.unwrap();
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (
        status,
        retry_after,
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

/// The fields that refusals name.
const FIELDS: [&str; 4] = ["`data`", "`id`", "`handle`", "`emailVerified`"];

const CREATED: &str = r#"{"event":"user.created","timestamp":1700000000,"data":{"id":"u"}}"#;

#[tokio::test]
async fn the_service_applies_an_event_and_answers_204() {
    let mirror = Mirror::new(MemoryMirror::new());
    for _ in 0..2 {
        let (status, _, body) = answer(&mirror, CREATED).await;
        assert_eq!((status, body.as_str()), (StatusCode::NO_CONTENT, ""));
    }
    assert!(mirror.user("u").await.unwrap().is_some());
}

#[tokio::test]
async fn the_service_answers_204_to_events_that_are_not_mirrored() {
    let mirror = Mirror::new(MemoryMirror::new());
    for body in [
        r#"{"event":"organization.created","data":{"id":"o"}}"#,
        r#"{"type":"invoice.paid","data":{}}"#,
        r#"{"event":"session.created","data":{"id":"no-handle"}}"#,
    ] {
        assert_eq!(answer(&mirror, body).await.0, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn the_service_answers_400_to_a_body_that_is_no_event() {
    let mirror = Mirror::new(MemoryMirror::new());
    for body in [
        "no json",
        r#"{"event":"user.created"}"#,
        r#"{"event":"user.created","data":{"name":"no id"}}"#,
        r#"{"event":"session.revoked","data":{"handle":"short"}}"#,
        r#"{"event":"user.created","data":{"id":"no id","emailVerified":1}}"#,
    ] {
        let (status, _, problem) = answer(&mirror, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(problem.contains("body-malformed"), "{problem}");
        let names_field =
            body.starts_with("no json") || FIELDS.iter().any(|it| problem.contains(it));
        assert!(names_field, "{problem}");
        assert!(!problem.contains("no id"), "{problem}");
    }
}

#[tokio::test]
async fn the_service_answers_503_while_the_store_fails_and_the_retry_is_applied() {
    let store = Faulty::default();
    let mirror = Mirror::new(store.clone());
    store.broken.store(true, Ordering::SeqCst);
    let (status, retry_after, problem) = answer(&mirror, CREATED).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(retry_after.as_deref(), Some("5"));
    assert!(!problem.contains("switched off"), "{problem}");
    store.broken.store(false, Ordering::SeqCst);
    assert_eq!(answer(&mirror, CREATED).await.0, StatusCode::NO_CONTENT);
    assert!(mirror.user("u").await.unwrap().is_some());
}

#[tokio::test]
async fn without_the_verify_layer_the_service_answers_500_and_names_it() {
    let mirror = Mirror::new(MemoryMirror::new());
    let (status, _, problem) = respond(&mirror, Request::new(())).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(problem.contains("VerifyWebhookLayer"), "{problem}");
}

#[test]
fn nothing_that_is_printed_shows_a_payload() {
    let event = event(
        "user.created",
        &json!({ "id": "u", "email": "a@example.com" }),
    );
    let change = MirrorChange::of(&event).unwrap().unwrap();
    let MirrorChange::User { update, .. } = &change else {
        panic!("{change:?}");
    };
    let mut record = FieldSet::default();
    record.merge(update);
    let printed = format!("{change:?} {update:?} {record:?}");
    assert!(!printed.contains("example.com"), "{printed}");
    assert!(printed.contains("email"), "{printed}");
}

#[test]
fn of_one_time_the_event_emitted_last_counts_and_ids_that_are_no_ulids_come_first() {
    let told = |id: Option<&str>, name: &str, dated: bool| {
        let mut data = json!({ "id": "u", "name": name });
        if dated {
            data["updatedAt"] = 1_700_000_000.into();
        }
        let payload =
            json!({ "id": id, "event": "user.updated", "timestamp": 1_700_000_000, "data": data });
        AuthEvent::from_slice(payload.to_string().as_bytes()).unwrap()
    };
    let ids = [
        None,
        Some("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
        Some("evt_01J00000000000000000000000"),
        Some("msg_01J00000000000000000000001"),
        Some("msg_01J0000000000000000000000A"),
        Some("msg_01J00000010000000000000000"),
    ];
    for dated in [false, true] {
        for (place, first) in ids.iter().enumerate() {
            for second in &ids[place + 1..] {
                // The names go against the order of the ids.
                let events = [told(*first, "z", dated), told(*second, "a", dated)];
                let last = if second.is_some_and(|id| id.starts_with("msg_01J")) {
                    "a"
                } else {
                    "z"
                };
                for events in [events.clone(), [events[1].clone(), events[0].clone()]] {
                    let name = mirrored(&events).0.unwrap().name;
                    assert_eq!(name.as_deref(), Some(last), "{first:?} {second:?}");
                }
            }
        }
    }
}

#[test]
fn what_an_event_names_as_left_out_is_kept_as_it_was_known() {
    let known = json!({ "id": "u", "name": "n", "image": "i", "emailVerified": true });
    for later in [
        json!({ "id": "u", "name": "m", "omitted": ["emailVerified", "image"] }),
        json!({ "id": "u", "name": "m", "image": null, "omitted": ["emailVerified", "image"] }),
    ] {
        let payload = json!({ "event": "user.updated", "timestamp": 1_700_000_001, "data": later });
        let later = AuthEvent::from_slice(payload.to_string().as_bytes()).unwrap();
        let user = mirrored(&[event("user.created", &known), later]).0.unwrap();
        assert_eq!(user.name.as_deref(), Some("m"));
        assert_eq!(user.image.as_deref(), Some("i"));
        assert_eq!(user.email_verified, Some(true));
        assert!(user.extra.is_empty());
    }
}

#[test]
fn a_record_that_was_damaged_is_told() {
    for (data, versions) in [
        ("[]", "{}"),
        ("{", "{}"),
        (r#"{"a":1}"#, "{}"),
        ("{}", r#"{"a":[1,1]}"#),
        ("{}", r#"{"a":{}}"#),
        (r#"{"a":1}"#, r#"{"a":1}"#),
        (r#"{"a":1}"#, r#"{"a":{"told":[[1,false],2]}}"#),
        (r#"{"a":2}"#, r#"{"a":{"told":[[1,false],2],"more":1}}"#),
    ] {
        assert_eq!(FieldSet::from_json(data, versions), Err(InvalidFieldSet));
    }
}

#[test]
fn a_prefix_that_is_no_part_of_a_table_s_name_is_refused() {
    for text in [
        "", "1a", "_a", "a-b", "A", "a b", "a\"", "sqlite_", "tas_x", "pg_",
    ] {
        assert_eq!(TablePrefix::new(text), Err(InvalidPrefix), "{text:?}");
    }
    assert!(TablePrefix::new(&"a".repeat(33)).is_err());
    assert_eq!(TablePrefix::new("auth_"), Ok(TablePrefix::default()));
}

/// Updates of one user at few times and of few fields, so that many conflict.
fn stories() -> impl Strategy<Value = Vec<AuthEvent>> {
    let names = prop::sample::select(vec!["user.updated", "user.banned", "user.unbanned"]);
    let times = (prop::option::of(0u64..4), 0u64..4);
    let told = (names, times, "[ab]|banned", any::<bool>(), ids());
    let event = told.prop_map(|(name, (changed, at), field, value, id)| {
        let mut data = json!({ "id": "u", field: value });
        if let Some(changed) = changed {
            data["updatedAt"] = json!(1_700_000_000 + changed);
        }
        let at = 1_700_000_000 + at;
        let payload = json!({ "id": id, "event": name, "timestamp": at, "data": data });
        AuthEvent::from_slice(payload.to_string().as_bytes()).unwrap()
    });
    prop::collection::vec(event, 1..8)
}

/// Ids of our emitter's, of other senders', and none.
fn ids() -> impl Strategy<Value = Option<String>> {
    prop::option::of(
        "msg_01J0000000000000000000000[0-3]|msg_2KWPBgLlAfxdpx2AI54pPJ85f4[WX]|evt_[ab]",
    )
}

/// Revocations that name one of these users, or nobody.
fn revocations(users: &'static str) -> impl Strategy<Value = Vec<AuthEvent>> {
    let told = (0..2, prop::option::of(users));
    let event = told.prop_map(|(token, user)| {
        let handle = SessionHandle::of_token(&format!("token {token}"));
        event(
            "session.revoked",
            &json!({ "handle": handle, "userId": user }),
        )
    });
    prop::collection::vec(event, 0..4)
}

/// Sessions of one user, which each event says or not.
fn sessions(named: impl Strategy<Value = bool>) -> impl Strategy<Value = Vec<AuthEvent>> {
    let told = (0..2, prop::option::of(0u64..6), 0u64..6, named);
    let event = told.prop_map(|(token, created, at, is_named)| {
        let handle = SessionHandle::of_token(&format!("token {token}"));
        let mut data = json!({ "handle": handle });
        if is_named {
            data["userId"] = json!("u");
        }
        if let Some(created) = created {
            data["createdAt"] = json!(1_700_000_000 + created);
        }
        let at = 1_700_000_000 + at;
        let payload = json!({ "event": "session.created", "timestamp": at, "data": data });
        AuthEvent::from_slice(payload.to_string().as_bytes()).unwrap()
    });
    prop::collection::vec(event, 0..5)
}

fn stories_of(
    named: impl Strategy<Value = bool>,
    revoking: &'static str,
) -> impl Strategy<Value = Vec<AuthEvent>> {
    let all = (stories(), sessions(named), revocations(revoking));
    all.prop_map(|(users, sessions, revocations)| [users, sessions, revocations].concat())
}

/// Events, and the same ones twice in another order.
fn shuffled<S>(events: S) -> impl Strategy<Value = (Vec<AuthEvent>, Vec<AuthEvent>)>
where
    S: Strategy<Value = Vec<AuthEvent>>,
{
    events.prop_flat_map(|events| {
        let twice = [events.clone(), events.clone()].concat();
        (Just(events), Just(twice).prop_shuffle())
    })
}

fn absorbed(events: &[AuthEvent]) -> FieldSet {
    let mut record = FieldSet::default();
    for event in events {
        match MirrorChange::of(event).unwrap() {
            Some(MirrorChange::User { update, .. }) => record.merge(&update),
            other => panic!("{other:?}"),
        };
    }
    record
}

/// All that a mirror shows after these events.
fn mirrored(events: &[AuthEvent]) -> (Option<User>, Vec<Session>, [Option<Session>; 2]) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    runtime.block_on(async {
        let mirror = Mirror::new(MemoryMirror::new());
        for event in events {
            mirror.apply(event).await.unwrap();
        }
        let session = async |token| {
            let handle = SessionHandle::of_token(token);
            mirror.session(&handle).await.unwrap()
        };
        let user = mirror.user("u").await.unwrap();
        let sessions = mirror.sessions_of("u").await.unwrap();
        (
            user,
            sessions,
            [session("token 0").await, session("token 1").await],
        )
    })
}

proptest! {
    #[test]
    fn a_record_does_not_depend_on_order_or_repetition((events, again) in shuffled(stories())) {
        prop_assert_eq!(absorbed(&events), absorbed(&again));
    }

    #[test]
    fn a_mirror_does_not_depend_on_order_or_repetition(
        (events, again) in shuffled(stories_of(any::<bool>(), "u")),
    ) {
        prop_assert_eq!(mirrored(&events), mirrored(&again));
    }

    #[test]
    fn nor_does_it_when_revocations_name_other_users(
        (events, again) in shuffled(stories_of(Just(true), "[uvw]")),
    ) {
        prop_assert_eq!(mirrored(&events), mirrored(&again));
    }

    #[test]
    fn a_record_is_read_back_as_it_was_stored(events in stories()) {
        let record = absorbed(&events);
        let read = FieldSet::from_json(&record.data(), &record.versions());
        prop_assert_eq!(read, Ok(record));
    }

    /// The clocks differ by `skew`, and events carry `updatedAt` or not.
    #[test]
    fn a_ban_holds_against_every_snapshot_from_before_it(
        skew in 0u64..20,
        snapshots in prop::collection::vec((0u64..10, 0u64..10, any::<bool>()), 1..6),
        (ban_is_dated, order) in (any::<bool>(), any::<prop::sample::Index>()),
    ) {
        let user = |name: &str, banned, taken: Option<u64>, told: u64| {
            let mut data = json!({ "id": "u", "banned": banned });
            if let Some(taken) = taken {
                data["updatedAt"] = json!(1_700_000_010 + taken);
            }
            let payload = json!({ "event": name, "timestamp": 1_700_000_000 + skew + told, "data": data });
            AuthEvent::from_slice(payload.to_string().as_bytes()).unwrap()
        };
        let mut events: Vec<_> = snapshots
            .into_iter()
            .map(|(taken, late, is_dated)| {
                // One told late is known by its `updatedAt`, if the ban has one too or the sender's
                // clock is not behind; nothing could apply otherwise.
                let late = if is_dated && (ban_is_dated || skew >= 10) { late } else { 0 };
                user("user.updated", false, is_dated.then_some(taken), taken + late)
            })
            .collect();
        let ban = user("user.banned", true, ban_is_dated.then_some(10), 10);
        events.insert(order.index(events.len() + 1), ban);
        prop_assert_eq!(mirrored(&events).0.unwrap().banned, Some(true));
    }
}

proptest! {
    #[test]
    fn an_event_that_was_made_to_fit_is_taken_whatever_its_data(event in crate::wire::event::any_events()) {
        if let Ok(event) = event.fit() {
            let mirror = Mirror::new(MemoryMirror::new());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                mirror.apply(&event).await.unwrap();
                if let Resource::User(user) = event.resource().unwrap() {
                    let alive = mirror.user(&user.id).await.unwrap().is_some();
                    assert_eq!(alive, *event.event_type() != EventType::UserDeleted);
                }
            });
        }
    }
}
