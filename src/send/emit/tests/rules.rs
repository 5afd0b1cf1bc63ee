use http::{Method, StatusCode};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{exchange, routes};
use crate::send::better_auth::BetterAuthRoutes;
use crate::send::emit::route_map::RouteMap;
use crate::send::emit::rules::{Capture, Responses, RouteRules, SessionUse};
use crate::session::ActiveSession;
use crate::wire::event::{AuthEvent, EventType, User};

fn names(events: &[AuthEvent]) -> Vec<&str> {
    events.iter().map(|it| it.event_type().as_str()).collect()
}

fn post(rules: &BetterAuthRoutes, path: &str, sent: &Value, answered: &Value) -> Vec<AuthEvent> {
    rules.events(&exchange(
        Method::POST,
        path,
        sent,
        StatusCode::OK,
        answered,
    ))
}

#[test]
fn a_route_is_known_by_method_and_exact_path() {
    let rules = routes();
    let captured =
        |method: Method, path: &str| rules.capture(&method, path).is_some_and(|it| it.is_named());
    for path in [
        "/api/auth/sign-in/email",
        "/api/auth/sign-in/email/",
        "/api/auth/./sign-in/email",
        "/api/auth/x/../sign-in/email",
        "/api/auth/%2e/sign-in/email",
        "/api/auth/x/%2E%2e/sign-in/email",
        "/api/auth\\sign-in/email",
    ] {
        assert!(captured(Method::POST, path), "{path}");
    }
    assert!(!captured(Method::GET, "/api/auth/sign-in/email"));
    for path in [
        "/api/auth/sign-in/email2",
        "/api/auth/sign-in",
        "/api/auth/Sign-In/email",
        "/api/authsign-in/email",
        "/sign-in/email",
        "/x/api/auth/sign-in/email",
        "/api/auth",
        "/",
        "",
        "*",
    ] {
        assert!(!captured(Method::POST, path), "{path}");
    }
}

#[test]
fn the_base_path_can_be_another_or_none() {
    for (base, path) in [
        ("", "/sign-in/email"),
        ("/", "/sign-in/email"),
        ("/auth/", "/auth/sign-in/email"),
    ] {
        let rules = routes().base_path(base);
        let capture = rules.capture(&Method::POST, path).unwrap();
        assert!(capture.is_named(), "{base}");
    }
}

#[test]
fn a_sign_up_without_a_session_makes_an_event_only_by_choice() {
    let answered = json!({"token": null, "user": {"id": "u1"}});
    let path = "/api/auth/sign-up/email";
    let rules = routes();
    assert!(post(&rules, path, &json!({}), &answered).is_empty());
    let rules = rules.dangerous_sign_ups_without_session();
    assert_eq!(
        names(&post(&rules, path, &json!({}), &answered)),
        ["user.created"]
    );
}

#[test]
fn a_session_that_cannot_be_named_makes_no_event() {
    let rules = routes();
    for answered in [
        json!({"session": {"id": "s1", "userId": "u1"}, "token": "a-session-token"}),
        json!({"session": {"id": "s1", "token": ""}}),
        json!({"token": "a-session-token"}),
        json!({"token": "a-session-token", "user": {"id": 7}}),
        json!({"token": 7, "user": {"id": "u1"}}),
        json!(["token"]),
        Value::Null,
    ] {
        let events = post(&rules, "/api/auth/sign-in/email", &json!({}), &answered);
        assert!(events.is_empty(), "{answered}");
    }
}

#[test]
fn only_documented_and_included_fields_travel() {
    let answered = json!({"token": "a-session-token", "user": {
        "id": "u1", "name": "Alice", "plan": {"level": 2, "apiSecret": "x"}, "internal": 1,
    }});
    let rules = routes();
    let events = post(&rules, "/api/auth/sign-up/email", &json!({}), &answered);
    assert_eq!(
        events[0].data(),
        json!({"id": "u1", "name": "Alice"}).as_object().unwrap()
    );
    let rules = rules.include(["plan"]);
    let events = post(&rules, "/api/auth/sign-up/email", &json!({}), &answered);
    assert_eq!(events[0].data()["plan"]["level"], 2);
    let session = events[1].data();
    let mut keys: Vec<_> = session.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["handle", "userId"]);
}

#[test]
fn metadata_in_a_text_is_opened_so_that_its_fields_can_be_judged() {
    for (packed, opened) in [
        (json!("{\"plan\":\"pro\"}"), json!({"plan": "pro"})),
        (json!("not JSON"), Value::Null),
        (json!({"plan": 1}), json!({"plan": 1})),
    ] {
        let answered = json!({"id": "o1", "metadata": packed});
        let rules = routes();
        let events = post(
            &rules,
            "/api/auth/organization/delete",
            &json!({}),
            &answered,
        );
        assert_eq!(events[0].data()["metadata"], opened);
    }
}

fn active(user: &Value) -> ActiveSession {
    let answer = json!({"user": user, "session": {"id": "s1", "token": "a-session-token"}});
    ActiveSession::from_json(&answer).unwrap()
}

#[test]
fn a_map_asks_every_closure_of_the_route() {
    let event =
        |name: &'static str| AuthEvent::new(EventType::new(name).unwrap(), serde_json::Map::new());
    let rules = RouteMap::new()
        .on(Method::POST, "/a", StatusCode::OK, move |_| {
            Some(event("a.one"))
        })
        .on(Method::POST, "/a", StatusCode::CREATED, move |_| {
            [event("a.two")]
        })
        .on_with_session(Method::POST, "/a", StatusCode::OK, move |seen| {
            let user = seen.session()?.user()["id"].as_str()?;
            Some(AuthEvent::user_updated(&User::new(user)))
        });
    let capture = rules.capture(&Method::POST, "/a").unwrap();
    let statuses = [StatusCode::OK, StatusCode::CREATED, StatusCode::OK];
    assert_eq!(
        capture.responses,
        Responses::WithStatus(statuses.to_vec().into())
    );
    assert_eq!(capture.session, SessionUse::Before);
    assert!(rules.capture(&Method::GET, "/a").is_none());
    assert!(rules.capture(&Method::POST, "/a/").is_none());
    let seen = |status| exchange(Method::POST, "/a", &json!({}), status, &json!({}));
    let active = active(&json!({"id": "u1"}));
    let ok = seen(StatusCode::OK).with_sessions(Some(active), None);
    assert_eq!(names(&rules.events(&ok)), ["a.one", "user.updated"]);
    assert_eq!(names(&rules.events(&seen(StatusCode::CREATED))), ["a.two"]);
    assert_eq!(names(&rules.events(&seen(StatusCode::OK))), ["a.one"]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let keys = "id|token|user|session|status|success|member|invitation|message|email|.{0,4}";
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(keys, inner, 0..8).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_exchange_is_judged_and_what_it_makes_is_well_formed(
        path in "/(sign-up/email|sign-in/email|two-factor/verify-totp|organization/(create|delete|leave)|admin/(update-user|remove-user)|api-key/(create|delete)|sign-out|delete-user|update-user)",
        sent in any_json(),
        answered in any_json(),
        user in any_json(),
        session in any_json(),
    ) {
        let rules = routes().base_path("");
        let active = ActiveSession::from_json(&json!({"user": user, "session": session}));
        let seen = exchange(Method::POST, &path, &sent, StatusCode::OK, &answered)
            .with_sessions(active.clone(), active);
        for event in rules.events(&seen) {
            let data = event.data();
            prop_assert!(data.contains_key("id") || data.contains_key("handle"), "{:?}", data);
            prop_assert!(!data.contains_key("token"));
        }
    }
}

#[test]
fn only_rules_that_say_so_go_by_the_requests_body() {
    let everything = json!({
        "id": "x1", "userId": "x2", "keyId": "x3", "organizationId": "x4", "memberId": "x5",
        "token": "a-token", "sessionToken": "a-token", "invitationId": "x6", "user": {"id": "x7"},
        "session": {"id": "x8", "token": "a-token"}, "member": {"id": "x9"}, "success": true,
        "status": true, "message": "User deleted",
    });
    let session = || ActiveSession::from_json(&everything);
    let rules = routes().base_path("");
    let mut reading = Vec::new();
    for (method, path) in crate::send::better_auth::all() {
        let events = |sent: &Value| {
            let seen = exchange(method.clone(), path, sent, StatusCode::OK, &everything);
            rules.events(&seen.with_sessions(session(), session()))
        };
        if rules.capture(&method, path).unwrap().reads_request {
            reading.push(path);
        } else {
            assert_eq!(events(&Value::Null), events(&everything), "{path}");
        }
    }
    let expected = [
        "/multi-session/revoke",
        "/revoke-session",
        "/admin/update-user",
        "/admin/set-role",
        "/admin/ban-user",
        "/admin/unban-user",
        "/admin/remove-user",
        "/admin/revoke-user-session",
        "/admin/set-user-password",
        "/api-key/delete",
    ];
    assert_eq!(reading, expected);
}

#[test]
fn the_rules_of_a_map_go_by_the_requests_body_unless_told_otherwise() {
    let map = || RouteMap::new().on(Method::POST, "/a", StatusCode::OK, |_| None);
    let reads = |map: RouteMap| map.capture(&Method::POST, "/a").unwrap().reads_request;
    assert!(reads(map()));
    assert!(!reads(map().without_request_bodies()));
    assert!(
        !Capture::on([].as_slice())
            .without_request_body()
            .reads_request
    );
}
