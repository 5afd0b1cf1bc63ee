use http::{HeaderMap, Method, StatusCode, header};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::support::{exchange, exchange_with};
use crate::emit::ActiveSession;
use crate::emit::payload::is_documented;
use crate::emit::redact::{Secrets, is_id};
use crate::event::{AuthEvent, EventType};

fn scrubbed(secrets: &Secrets, data: &Value) -> Value {
    let event = AuthEvent::new(EventType::UserCreated, data.as_object().unwrap().clone());
    Value::Object(secrets.scrub(event).data().clone())
}

fn from_request(sent: &Value) -> Secrets {
    let answered = json!({});
    Secrets::of(&exchange(
        Method::POST,
        "/",
        sent,
        StatusCode::OK,
        &answered,
    ))
}

#[test]
fn fields_named_like_a_secret_go_at_every_depth() {
    let data = json!({
        "id": "u1",
        "password": "x",
        "Access_Token": "x",
        "metadata": {"apiSecret": 1, "list": [{"private-key": "x", "plan": "pro"}], "API_KEY": []},
        "key": "x",
        "totpURI": "x",
        "backupCodes": ["x"],
        "twoFactorEnabled": true,
        "tokens": 1,
    });
    let expected = json!({
        "id": "u1",
        "metadata": {"list": [{"plan": "pro"}]},
        "twoFactorEnabled": true,
    });
    assert_eq!(scrubbed(&Secrets::default(), &data), expected);
}

#[test]
fn a_secret_value_of_the_exchange_goes_wherever_it_turns_up() {
    let secrets = from_request(&json!({"password": "correct-horse", "code": 123_456}));
    let data = json!({
        "id": "u1",
        "nickname": "correct-horse",
        "bio": "my password is correct-horse!",
        "image": "https://example.com/a.png",
        "metadata": {"correct-horse": 1, "list": ["correct-horse", "battery"], "pin2": 123_456},
        "codeword": "123456",
    });
    let expected = json!({
        "id": "u1",
        "image": "https://example.com/a.png",
        "metadata": {"list": ["battery"]},
    });
    assert_eq!(scrubbed(&secrets, &data), expected);
}

#[test]
fn a_short_secret_is_compared_as_a_whole() {
    let secrets = from_request(&json!({"password": "a"}));
    let data = json!({"id": "u1", "plan": "alice", "team": "a"});
    assert_eq!(
        scrubbed(&secrets, &data),
        json!({"id": "u1", "plan": "alice"})
    );
}

#[test]
fn a_password_that_equals_an_id_does_not_hide_the_event() {
    let secrets = from_request(&json!({"password": "user-0123456789"}));
    let data = json!({"id": "user-0123456789", "userId": "user-0123456789"});
    assert_eq!(scrubbed(&secrets, &data), data);
}

#[test]
fn credentials_in_headers_cookies_and_the_query_are_secrets() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::AUTHORIZATION, "Bearer bearer-token-1.signature"),
        (
            header::COOKIE,
            "theme=dark; email=\"alice@example.com\"; better-auth.session_token=cookie%2Btoken.sig%3D",
        ),
        (header::COOKIE, "opaque=0123456789abcdef"),
    ] {
        headers.append(name, value.parse().unwrap());
    }
    headers.insert("x-api-key", "api-key-in-a-header".parse().unwrap());
    let seen = exchange_with(
        Method::GET,
        "/verify?token=query-token&callbackURL=%2Fwelcome",
        &headers,
        &json!({}),
        StatusCode::OK,
        &json!({"token": "answer-token", "user": {"backupCodes": ["backup-code-1"]}}),
    );
    let secrets = Secrets::of(&seen);
    for secret in [
        "bearer-token-1.signature",
        "bearer-token-1",
        "cookie+token",
        "cookie%2Btoken.sig%3D",
        "cookie+token.sig=",
        "0123456789abcdef",
        "api-key-in-a-header",
        "query-token",
        "answer-token",
        "backup-code-1",
    ] {
        assert_eq!(
            scrubbed(&secrets, &json!({"note": secret})),
            json!({}),
            "{secret}"
        );
    }
    for harmless in ["dark", "alice@example.com", "/welcome"] {
        let data = json!({"note": harmless});
        assert_eq!(scrubbed(&secrets, &data), data);
    }
}

#[test]
fn nobody_can_blank_the_documented_fields_of_their_own_events() {
    let cookie = "session=a@b.example; opaque=0123456789abcdef";
    let headers = HeaderMap::from_iter([(header::COOKIE, cookie.parse().unwrap())]);
    let user = json!({
        "id": "u1", "name": "Ada Lovelace", "email": "a@b.example", "image": "0123456789abcdef",
        "role": "name", "username": "123456", "emailVerified": true,
    });
    let seen = exchange_with(
        Method::POST,
        "/?token=123456",
        &headers,
        &json!({"password": "Ada Lovelace", "passwords": ["email", "emailVerified", "name"]}),
        StatusCode::OK,
        // Fields of a user's own choice, even if they are named like secrets.
        &json!({"token": "issued-by-server-1", "user": {"pin": "Ada Lovelace", "metadata": user}}),
    );
    assert_eq!(scrubbed(&Secrets::of(&seen), &user), user);
}

#[test]
fn what_the_server_issued_is_in_no_field_but_an_id() {
    let mut seen = exchange(
        Method::POST,
        "/",
        &json!({}),
        StatusCode::OK,
        &json!({"token": "issued-by-server-1"}),
    );
    let session = json!({"session": {"token": "issued-by-server-2"}, "user": {}});
    seen = seen.with_sessions(ActiveSession::from_json(&session), None);
    let data = json!({
        "id": "u1",
        "name": "Ada issued-by-server-1",
        "image": "https://example.com/?t=issued-by-server-2",
        "email": "a@b.example",
    });
    let expected = json!({"id": "u1", "email": "a@b.example"});
    assert_eq!(scrubbed(&Secrets::of(&seen), &data), expected);
}

#[test]
fn an_object_is_judged_whatever_its_name() {
    let secrets = from_request(&json!({"password": "correct-horse"}));
    let inner = json!({"plan": "pro", "note": "correct-horse", "token": "x"});
    let data = json!({"id": "u1", "ownId": inner, "permissions": inner, "metadata": [inner]});
    let kept = json!({"plan": "pro"});
    let expected = json!({"id": "u1", "ownId": kept, "permissions": kept, "metadata": [kept]});
    assert_eq!(scrubbed(&secrets, &data), expected);
}

/// Whether a plain value under this name is public.
fn is_public(key: &str, value: &Value) -> bool {
    let plain = !value.is_array() && !value.is_object();
    plain && (is_id(key) || is_documented(key))
}

fn any_json(secret: String) -> impl Strategy<Value = Value> {
    let planted = ("[a-z]{0,4}", "[a-z]{0,4}")
        .prop_map(move |(before, after)| Value::from(format!("{before}{secret}{after}")));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z]{0,6}".prop_map(Value::from),
        planted,
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("[a-z]{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_secret_value_planted_anywhere_never_survives(
        (secret, fields) in "[A-Z0-9]{8,40}".prop_flat_map(|secret| {
            let fields = btree_map("[a-z]{1,6}", any_json(secret.clone()), 0..6);
            (Just(secret), fields)
        }),
        under in "password|newPassword|token|otp|code|sessionToken|key|clientSecret",
    ) {
        let secrets = from_request(&json!({"nested": [{under: secret}]}));
        let fields: Map<_, _> = fields.into_iter().filter(|(key, value)| !is_public(key, value)).collect();
        let rest = scrubbed(&secrets, &Value::Object(fields));
        prop_assert!(!rest.to_string().contains(&secret), "{} in {}", secret, rest);
    }

    #[test]
    fn a_field_named_like_a_secret_never_survives(
        name in "[a-z]{0,3}[_-]?(password|Token|SECRET|api_key|totp)[A-Z_]?[a-z]{0,3}",
        value in any_json("x".into()),
    ) {
        let data = json!({"metadata": [{name: value}]});
        prop_assert_eq!(scrubbed(&Secrets::default(), &data), json!({"metadata": [{}]}));
    }
}
