use http::{HeaderMap, Method, StatusCode, header};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::support::{exchange, exchange_with};
use crate::emit::redact::Secrets;
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
        "name": "correct-horse",
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
    let data = json!({"id": "u1", "name": "alice", "role": "a"});
    assert_eq!(
        scrubbed(&secrets, &data),
        json!({"id": "u1", "name": "alice"})
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
            scrubbed(&secrets, &json!({"name": secret})),
            json!({}),
            "{secret}"
        );
    }
    for harmless in ["dark", "alice@example.com", "/welcome"] {
        let data = json!({"name": harmless});
        assert_eq!(scrubbed(&secrets, &data), data);
    }
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
        let fields: Map<_, _> = fields.into_iter().filter(|(key, _)| key != "id" && key != "handle").collect();
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
