//! What the difference between before and after makes of an exchange.

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use super::support::{exchange, exchange_with, routes};
use crate::base::clock::UnixMillis;
use crate::send::emit::exchange::Exchange;
use crate::send::emit::rules::RouteRules as _;
use crate::session::ActiveSession;
use crate::session::cookie::{CookieChange, change, credentials_after, replaced_token, token};
use crate::wire::event::{AuthEvent, SessionHandle};

const CALL: &str = "2026-11-25T12:00:00.100Z";
const LONG_AGO: &str = "2026-11-20T10:00:00.000Z";
const MADE: u64 = 1_795_608_000_100;

fn names(events: &[AuthEvent]) -> Vec<&str> {
    events.iter().map(|it| it.event_type().as_str()).collect()
}

fn user(id: &str, more: &Value) -> Value {
    let mut user = json!({
        "id": id, "email": format!("{id}@mail.example"), "emailVerified": true,
        "createdAt": LONG_AGO, "updatedAt": LONG_AGO,
    });
    let more = more.as_object().unwrap().clone();
    user.as_object_mut().unwrap().extend(more);
    user
}

fn session(token: &str, user: &Value) -> Option<ActiveSession> {
    let session = json!({
        "id": format!("id-of-{token}"), "token": token, "userId": user["id"], "createdAt": CALL,
        "expiresAt": "2026-12-02T10:00:00.000Z",
    });
    ActiveSession::from_json(&json!({"session": session, "user": user}))
}

fn call(path: &str, body: &Value) -> Exchange {
    let path = format!("/api/auth{path}");
    let made = UnixMillis::from_millis(MADE);
    let mut seen = exchange(Method::POST, &path, &json!({}), StatusCode::OK, body);
    seen.made = made..=UnixMillis::from_millis(MADE + 1_000);
    seen
}

fn listed(status: u16, body: Value) -> Option<Response<Value>> {
    Some(Response::builder().status(status).body(body).unwrap())
}

fn told(seen: &Exchange) -> Vec<AuthEvent> {
    routes().events(seen)
}

#[test]
fn the_caller_s_user_is_told_by_what_differs() {
    for (before, after, expected) in differences() {
        for path in [
            "/update-user",
            "/verify-email",
            "/two-factor/disable",
            "/some-plugin/route",
        ] {
            let (was, is) = (user("u1", &before), user("u1", &after));
            let seen = call(path, &json!({"status": true}));
            let seen = seen.with_sessions(session("token-1", &was), session("token-1", &is));
            let events = told(&seen);
            assert_eq!(names(&events), expected, "{path} {before} {after}");
            let mut whole = is.as_object().unwrap().clone();
            whole.remove("internal");
            assert!(events.iter().all(|event| *event.data() == whole));
        }
    }
}

type Difference = (Value, Value, Vec<&'static str>);

fn differences() -> Vec<Difference> {
    vec![
        (json!({}), json!({}), vec![]),
        (json!({}), json!({"updatedAt": CALL}), vec![]),
        (json!({"image": null}), json!({}), vec![]),
        (json!({}), json!({"internal": 1}), vec![]),
        (json!({}), json!({"name": "Ada"}), vec!["user.updated"]),
        (
            json!({"name": "Ada"}),
            json!({"name": null}),
            vec!["user.updated"],
        ),
        (json!({"name": "Ada"}), json!({}), vec!["user.updated"]),
        (
            json!({}),
            json!({"email": "new@mail.example"}),
            vec!["user.updated"],
        ),
        (
            json!({"emailVerified": false}),
            json!({}),
            vec!["user.updated", "email.verified"],
        ),
        (
            json!({}),
            json!({"emailVerified": false}),
            vec!["user.updated"],
        ),
        (
            json!({}),
            json!({"twoFactorEnabled": true}),
            vec!["two_factor.enabled"],
        ),
        (
            json!({"twoFactorEnabled": true}),
            json!({"twoFactorEnabled": false}),
            vec!["two_factor.disabled"],
        ),
    ]
}

#[test]
fn another_session_is_told_as_one_that_ended_and_one_that_was_opened() {
    let (one, other) = (user("u1", &json!({})), user("u2", &json!({})));
    for (before, after, expected) in [
        (None, None, vec![]),
        (None, session("token-1", &one), vec!["session.created"]),
        (session("token-1", &one), None, vec!["session.revoked"]),
        (
            session("token-1", &one),
            session("token-2", &one),
            vec!["session.created", "session.revoked"],
        ),
        (
            session("token-1", &one),
            session("token-2", &other),
            vec!["session.created", "session.revoked"],
        ),
    ] {
        let users = [before.clone(), after.clone()].map(|it| it.map(|it| it.user()["id"].clone()));
        let seen = call("/some-plugin/sign-in", &json!({})).with_sessions(before, after);
        let events = told(&seen);
        assert_eq!(names(&events), expected);
        for event in events {
            let side = usize::from(event.event_type().as_str() == "session.created");
            assert_eq!(Some(&event.data()["userId"]), users[side].as_ref());
            assert!(event.data().contains_key("handle") && event.data().contains_key("expiresAt"));
            assert!(!event.data().contains_key("token"));
        }
    }
}

#[test]
fn a_session_that_the_server_still_has_did_not_end() {
    let (one, other) = (user("u1", &json!({})), user("u2", &json!({})));
    for (after, opened) in [(session("token-2", &other), 1), (None, 0)] {
        for (status, ended) in [(200, 0), (403, 0), (413, 0), (401, 1), (404, 1)] {
            let seen = call("/sign-in/email", &json!({}));
            let mut seen = seen.with_sessions(session("token-1", &one), after.clone());
            seen.listed = listed(status, json!([]));
            let events = told(&seen);
            assert_eq!(
                events.len(),
                opened + ended,
                "{status} {:?}",
                names(&events)
            );
        }
    }
}

#[test]
fn ways_back_to_a_session_that_exists_open_none() {
    let (admin, user) = (user("admin", &json!({})), user("u1", &json!({})));
    for path in [
        "/admin/stop-impersonating",
        "/one-time-token/verify",
        "/multi-session/set-active",
    ] {
        let body = json!({"session": {"token": "token-2"}, "user": {"id": "u1"}});
        let before = session("token-1", &user);
        let mut seen = call(path, &body).with_sessions(before, session("token-2", &admin));
        seen.listed = listed(401, Value::Null);
        assert_eq!(names(&told(&seen)), ["session.revoked"], "{path}");
    }
}

#[test]
fn a_user_who_was_made_by_the_call_is_told_as_new() {
    let before = "2026-11-25T11:59:59.900Z";
    for (created, updated, expected) in [
        (CALL, CALL, Some("user.created")),
        ("2026-11-25T12:00:00.097Z", CALL, Some("user.created")),
        (before, before, None),
        (LONG_AGO, CALL, Some("user.updated")),
        (LONG_AGO, LONG_AGO, None),
    ] {
        let user = user("u1", &json!({"createdAt": created, "updatedAt": updated}));
        for path in [
            "/magic-link/verify",
            "/sign-in/email-otp",
            "/some-plugin/callback",
        ] {
            let seen = call(path, &json!({})).with_sessions(None, session("token-1", &user));
            let events = told(&seen);
            let expected: Vec<_> = expected.into_iter().chain(["session.created"]).collect();
            assert_eq!(names(&events), expected, "{path} {created} {updated}");
        }
    }
}

#[test]
fn a_deleted_user_is_told_and_not_each_session() {
    let one = user("u1", &json!({}));
    for path in [
        "/delete-user",
        "/delete-user/callback",
        "/delete-anonymous-user",
    ] {
        let method = if path.ends_with("callback") {
            Method::GET
        } else {
            Method::POST
        };
        let path = format!("/api/auth{path}");
        for status in [
            StatusCode::OK,
            StatusCode::FOUND,
            StatusCode::INTERNAL_SERVER_ERROR,
        ] {
            let seen = || exchange(method.clone(), &path, &json!({}), status, &json!({}));
            let gone = seen().with_sessions(session("token-1", &one), None);
            let events = told(&gone);
            assert_eq!(names(&events), ["user.deleted"], "{path} {status}");
            assert!(!events[0].data().contains_key("updatedAt"));
            let asked = seen().with_sessions(session("token-1", &one), session("token-1", &one));
            assert!(
                told(&asked).is_empty(),
                "a mail that asks for confirmation deletes nobody"
            );
        }
    }
}

#[test]
fn an_anonymous_user_who_became_somebody_is_deleted_unless_the_server_keeps_them() {
    let anonymous = user("anon", &json!({"isAnonymous": true}));
    let somebody = user("u1", &json!({}));
    for (status, expected) in [
        (401, vec!["user.created", "session.created", "user.deleted"]),
        (200, vec!["user.created", "session.created"]),
    ] {
        let before = session("token-1", &anonymous);
        let seen = call("/sign-up/email", &json!({}));
        let mut seen = seen.with_sessions(before, session("token-2", &somebody));
        seen.listed = listed(status, Value::Null);
        let events = told(&seen);
        assert_eq!(names(&events), expected);
        assert!(
            events
                .iter()
                .skip(2)
                .all(|event| event.data()["id"] == "anon")
        );
    }
}

fn own(tokens: &[&str]) -> Value {
    let item =
        |token: &&str| json!({"id": format!("id-of-{token}"), "token": token, "userId": "u1"});
    tokens.iter().map(item).collect()
}

#[test]
fn sessions_that_end_in_bulk_are_told_one_by_one() {
    let one = user("u1", &json!({}));
    let list = own(&["token-1", "token-2", "token-3"]);
    let handle = |token: &str| json!(SessionHandle::of_token(token));
    for (path, after, ended) in [
        (
            "/revoke-sessions",
            None,
            vec!["token-1", "token-2", "token-3"],
        ),
        (
            "/revoke-other-sessions",
            Some("token-1"),
            vec!["token-2", "token-3"],
        ),
        ("/change-password", Some("token-1"), vec![]),
        (
            "/change-password",
            Some("token-4"),
            vec!["token-1", "token-2", "token-3"],
        ),
        ("/sign-out", None, vec!["token-1", "token-2", "token-3"]),
    ] {
        for list in [
            list.clone(),
            list.as_array()
                .unwrap()
                .iter()
                .map(|it| json!({"session": it}))
                .collect(),
        ] {
            let after = after.and_then(|token| session(token, &one));
            let seen = call(path, &json!({"status": true}));
            let mut seen = seen.with_sessions(session("token-1", &one), after);
            seen.listed = listed(200, list);
            let events = told(&seen);
            let revoked = events
                .iter()
                .filter(|it| it.event_type().as_str() == "session.revoked");
            let handles: Vec<_> = revoked
                .map(|event| event.data()["handle"].clone())
                .collect();
            let expected: Vec<_> = ended.iter().map(|token| handle(token)).collect();
            assert_eq!(handles, expected, "{path}");
        }
    }
}

#[test]
fn a_revoked_token_makes_an_event_if_it_was_one_of_the_caller_s() {
    let one = user("u1", &json!({}));
    for (token, list, revoked) in [
        ("token-2", listed(200, own(&["token-1", "token-2"])), 1),
        ("made-up", listed(200, own(&["token-1", "token-2"])), 0),
        ("token-2", None, 0),
        // A session that is not fresh may revoke, and not list.
        ("token-2", listed(403, Value::Null), 1),
        ("token-2", listed(401, Value::Null), 0),
    ] {
        let mut seen = call("/revoke-session", &json!({"status": true}));
        seen.request_json = json!({"token": token});
        let mut seen = seen.with_sessions(session("token-1", &one), session("token-1", &one));
        seen.listed = list;
        let events = told(&seen);
        assert_eq!(events.len(), revoked, "{token}");
        assert!(events.iter().all(|event| event.data()["userId"] == "u1"));
    }
}

#[test]
fn a_session_that_only_the_body_shows_is_told() {
    for (path, body, expected) in [
        (
            "/passkey/verify-authentication",
            json!({"session": {"id": "s1", "token": "token-1", "userId": "u1"}}),
            vec!["session.created"],
        ),
        (
            "/phone-number/verify",
            json!({"status": true, "token": "token-1", "user": user("u1", &json!({}))}),
            vec!["session.created"],
        ),
        (
            "/phone-number/verify",
            json!({"status": true, "token": null, "user": user("u1", &json!({}))}),
            vec![],
        ),
        (
            "/phone-number/verify",
            json!({"status": true, "token": null, "user": user("u1", &json!({"createdAt": CALL, "updatedAt": CALL}))}),
            vec!["user.created"],
        ),
        (
            "/email-otp/verify-email",
            json!({"status": true, "token": null, "user": user("u1", &json!({"updatedAt": CALL}))}),
            vec!["user.updated", "email.verified"],
        ),
        (
            "/siwe/verify",
            json!({"token": "token-1", "success": true, "user": {"id": "u1", "chainId": 1}}),
            vec!["session.created"],
        ),
        ("/sign-in/email", json!({"twoFactorRedirect": true}), vec![]),
        (
            "/sign-in/social",
            json!({"url": "https://id.example", "redirect": true}),
            vec![],
        ),
    ] {
        assert_eq!(names(&told(&call(path, &body))), expected, "{path} {body}");
    }
}

#[test]
fn an_admin_s_change_is_the_difference_to_the_user_as_looked_at_before() {
    for (path, before, after, expected) in changes_by_admins() {
        let mut seen = call(path, &json!({"user": user("u1", &after)}));
        seen.listed = listed(200, user("u1", &before));
        assert_eq!(names(&told(&seen)), expected, "{path} {before} {after}");
    }
    let seen = call(
        "/admin/unban-user",
        &json!({"user": user("u1", &json!({}))}),
    );
    assert_eq!(
        names(&told(&seen)),
        ["user.unbanned"],
        "without a look the route counts"
    );
}

type ByAdmin = (&'static str, Value, Value, Vec<&'static str>);

fn changes_by_admins() -> Vec<ByAdmin> {
    let banned = json!({"banned": true, "banReason": "spam"});
    vec![
        (
            "/admin/ban-user",
            json!({"banned": false}),
            banned.clone(),
            vec!["user.banned"],
        ),
        ("/admin/ban-user", banned.clone(), banned.clone(), vec![]),
        (
            "/admin/unban-user",
            banned.clone(),
            json!({"banned": false}),
            vec!["user.unbanned"],
        ),
        (
            "/admin/unban-user",
            json!({}),
            json!({"banned": false, "banReason": null}),
            vec![],
        ),
        (
            "/admin/set-role",
            json!({"role": "user"}),
            json!({"role": "admin"}),
            vec!["user.updated"],
        ),
        (
            "/admin/set-role",
            json!({"role": "admin"}),
            json!({"role": "admin"}),
            vec![],
        ),
        (
            "/admin/update-user",
            json!({"name": "A"}),
            banned,
            vec!["user.updated", "user.banned"],
        ),
    ]
}

#[test]
fn an_invitation_that_was_over_is_not_revoked_again() {
    for (status, revoked) in [
        ("pending", 1),
        ("canceled", 0),
        ("accepted", 0),
        ("rejected", 0),
    ] {
        let body = json!({"id": "i1", "organizationId": "o1", "status": "canceled"});
        let mut seen = call("/organization/cancel-invitation", &body);
        seen.listed = listed(
            200,
            json!([{"id": "i2", "status": "x"}, {"id": "i1", "status": status}]),
        );
        assert_eq!(told(&seen).len(), revoked, "{status}");
        seen.listed = listed(200, json!([]));
        assert_eq!(told(&seen).len(), 1, "not listed");
    }
}

#[test]
fn a_new_organization_has_its_first_members() {
    let member = json!({"id": "m1", "organizationId": "o1", "userId": "u1", "role": "owner"});
    let seen = call(
        "/organization/create",
        &json!({"id": "o1", "members": [member]}),
    );
    let events = told(&seen);
    assert_eq!(names(&events), ["organization.created", "member.added"]);
    assert_eq!(events[1].data(), member.as_object().unwrap());
}

#[test]
fn what_a_response_does_to_the_cookie_is_read_as_a_browser_reads_it() {
    let to = |token: &str| Some(CookieChange::To(token.to_owned()));
    for (set, expected) in [
        (
            &["better-auth.session_token=new.c2ln; Path=/; Max-Age=604800"][..],
            to("new"),
        ),
        (
            &["__Secure-better-auth.session_token=new.c2ln%3D; Secure"],
            to("new"),
        ),
        (&["my-app.session_token=new.sig"], to("new")),
        (&["session_token=\"new.sig\""], to("new")),
        (
            &["better-auth.session_token=; Max-Age=0"],
            Some(CookieChange::Cleared),
        ),
        (
            &["better-auth.session_token=x.y; Max-Age=0"],
            Some(CookieChange::Cleared),
        ),
        (
            &["better-auth.session_token=x.y; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
            Some(CookieChange::Cleared),
        ),
        (
            &[
                "better-auth.session_token=; Max-Age=0",
                "better-auth.session_token=new.sig",
            ],
            to("new"),
        ),
        (&["better-auth.session_token=old.sig; Max-Age=604800"], None),
        (
            &[
                "better-auth.session_data=x.y",
                "better-auth.session_token_multi-x=y.z",
            ],
            None,
        ),
        (&[], None),
    ] {
        let request = headers(
            &header::COOKIE,
            &["a=1; better-auth.session_token=old.sig", "b=2"],
        );
        assert_eq!(token(&request).as_deref(), Some("old"));
        let response = headers(&header::SET_COOKIE, set);
        assert_eq!(change(&request, &response), expected, "{set:?}");
    }
}

#[test]
fn of_two_session_cookies_the_one_counts_that_the_response_names() {
    let of_two_apps = headers(
        &header::COOKIE,
        &["app2.session_token=zzz.s; better-auth.session_token=old.s"],
    );
    let cleared = headers(
        &header::SET_COOKIE,
        &["better-auth.session_token=; Max-Age=0"],
    );
    assert_eq!(
        replaced_token(&of_two_apps, &cleared).as_deref(),
        Some("old")
    );
    let same = headers(
        &header::SET_COOKIE,
        &["better-auth.session_token=old.s; Path=/"],
    );
    assert_eq!(change(&of_two_apps, &same), None);
}

#[test]
fn the_next_request_carries_the_cookies_that_the_response_set() {
    let request = exchange_with(
        Method::POST,
        "/",
        &HeaderMap::from_iter([
            (
                header::COOKIE,
                "a=1; better-auth.session_token=old.sig".parse().unwrap(),
            ),
            (header::AUTHORIZATION, "Bearer old".parse().unwrap()),
        ]),
        &Value::Null,
        StatusCode::OK,
        &Value::Null,
    );
    let request = request.request_headers();
    let set = headers(
        &header::SET_COOKIE,
        &["better-auth.session_token=new.sig; Path=/", "c=3"],
    );
    let after = credentials_after(request, &set);
    assert_eq!(
        after[header::COOKIE],
        "a=1; better-auth.session_token=new.sig; c=3"
    );
    assert!(
        !after.contains_key(header::AUTHORIZATION),
        "the cookie is newer"
    );
    let odd = HeaderValue::from_bytes(b"x=\xff; better-auth.session_token=old.sig").unwrap();
    let odd = HeaderMap::from_iter([(header::COOKIE, odd)]);
    assert_eq!(token(&odd).as_deref(), Some("old"));
    assert_eq!(credentials_after(&odd, &HeaderMap::new()), odd);
    let kept = credentials_after(request, &headers(&header::SET_COOKIE, &["a=; Max-Age=0"]));
    assert_eq!(kept[header::COOKIE], "better-auth.session_token=old.sig");
    assert!(kept.contains_key(header::AUTHORIZATION));
}

fn headers(name: &header::HeaderName, values: &[&str]) -> HeaderMap {
    let values = values.iter().map(|it| HeaderValue::from_str(it).unwrap());
    values.map(|value| (name.clone(), value)).collect()
}
