use http::{HeaderMap, Method, StatusCode, header};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::support::{exchange, exchange_with};
use crate::send::emit::payload::is_documented;
use crate::send::emit::redact::{Secrets, is_id};
use crate::session::ActiveSession;
use crate::wire::event::{AuthEvent, EventType};

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

fn no_secrets() -> Secrets {
    from_request(&Value::Null)
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
    assert_eq!(scrubbed(&no_secrets(), &data), expected);
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

/// Packs a value in a text, `times` times.
fn packed(value: &Value, times: usize) -> Value {
    (0..times).fold(value.clone(), |value, _| value.to_string().into())
}

#[test]
fn secrets_of_the_exchange_are_found_in_packed_json() {
    for times in 1..=4 {
        let packed = packed(
            &json!({"plan": "pro", "list": [{"password": "correct-horse"}]}),
            times,
        );
        let form = format!("{{\"metadata\":{}}}", packed);
        for secrets in [
            from_request(&packed),
            from_request(&json!({"metadata": packed})),
            from_request(&json!({"credentials": packed})),
            from_request(&serde_json::from_str(&form).unwrap()),
            from_answer(&json!({"metadata": [packed]})),
            from_query(&packed),
        ] {
            let data = json!({"id": "u1", "note": "it is correct-horse", "plan": "free"});
            let kept = json!({"id": "u1", "plan": "free"});
            assert_eq!(scrubbed(&secrets, &data), kept, "{times}");
        }
    }
}

fn from_answer(answered: &Value) -> Secrets {
    let sent = json!({});
    Secrets::of(&exchange(
        Method::POST,
        "/",
        &sent,
        StatusCode::OK,
        answered,
    ))
}

fn from_query(value: &Value) -> Secrets {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let text = value.as_str().unwrap_or_default();
    let path = format!(
        "/?state={}",
        query.append_pair("", text).finish().replacen('=', "", 1)
    );
    Secrets::of(&exchange(
        Method::GET,
        &path,
        &json!({}),
        StatusCode::OK,
        &json!({}),
    ))
}

#[test]
fn packed_json_is_cleaned_like_any_other() {
    let secrets = from_request(&json!({"password": "correct-horse", "code": 123_456}));
    let inner = json!({"plan": "pro", "password": "x", "note": "correct-horse", "n": 123_456, "l": [{"api_key": 1}]});
    let kept = json!({"plan": "pro", "l": [{}]});
    for times in 1..=4 {
        let data = json!({
            "id": "u1",
            "settings": packed(&inner, times),
            "list": [packed(&inner, times)],
            "image": packed(&json!({"password": "x"}), times),
        });
        let expected = json!({
            "id": "u1",
            "settings": packed(&kept, times),
            "list": [packed(&kept, times)],
            "image": packed(&json!({}), times),
        });
        assert_eq!(scrubbed(&secrets, &data), expected, "{times}");
    }
}

#[test]
fn what_is_packed_too_often_to_be_looked_through_goes() {
    let data = json!({"id": "u1", "settings": packed(&json!({"plan": "pro"}), 5), "list": [packed(&json!([]), 6)]});
    assert_eq!(
        scrubbed(&no_secrets(), &data),
        json!({"id": "u1", "list": []})
    );
}

#[test]
fn a_text_of_which_nothing_is_removed_stays_as_it_is_written() {
    let data = json!({
        "id": "u1",
        "json": "{ \"b\": 1.50, \"a\": \"\\u00e9\" }\n",
        "quoted": "\"Ada\"",
        "list": " [1e2]",
        "none": "{not json}",
        "open": "[\"",
        "text": "a {\"password\": \"x\"} in a text",
    });
    assert_eq!(scrubbed(&no_secrets(), &data), data);
}

#[test]
fn what_readers_could_understand_differently_is_written_anew() {
    let deep = format!("{}{{\"password\":1}}{}", "[".repeat(70), "]".repeat(70));
    for (text, rewritten) in [
        (r#"{"a":{"password":"x"},"a":1}"#, r#"{"a":1}"#),
        (r#"{"a":"\ud800"}"#, "{\"a\":\"\u{fffd}\"}"),
        ("\u{feff}{\"a\":1}", r#"{"a":1}"#),
        ("[1e999]", "[null]"),
    ] {
        let data = json!({"settings": text});
        assert_eq!(
            scrubbed(&no_secrets(), &data),
            json!({"settings": rewritten})
        );
    }
    let rest = scrubbed(&no_secrets(), &json!({"settings": deep})).to_string();
    assert!(!rest.contains("password"), "{rest}");
}

#[test]
fn escapes_in_packed_json_hide_nothing() {
    let secrets = from_request(&json!({"password": "correct\"horse\u{e9}"}));
    for text in [
        r#"{"a":"correct\"horse\u00e9"}"#,
        r#"["\u0063orrect\u0022horse\u00e9"]"#,
        r#"{"correct\u0022horse\u00E9":1}"#,
        r#""correct\"horse\u00e9""#,
    ] {
        let rest = scrubbed(&secrets, &json!({"settings": text})).to_string();
        assert!(!rest.contains("horse"), "{rest}");
    }
}

/// Thousands of secrets, thousands of texts: each text is compared with all secrets at once.
#[test]
fn a_large_exchange_is_looked_through() {
    let secret = |n: u64| format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let text = |n: u64| format!("{:016x}", n.wrapping_mul(0xc2b2_ae3d_27d4_eb4f));
    let metadata = (0..6_000).flat_map(|n| {
        let text = Value::from(format!(
            "{} {n}",
            if n % 2 == 0 { secret(n) } else { text(n) }
        ));
        [
            (format!("token{n}"), secret(n).into()),
            (format!("f{n}"), text),
        ]
    });
    let metadata: Map<_, _> = metadata.collect();
    let kept = (0..6_000).filter(|n| n % 2 == 1);
    let kept = kept.map(|n| (format!("f{n}"), format!("{} {n}", text(n)).into()));
    let kept = json!({"metadata": kept.collect::<Map<_, _>>()});
    let data = json!({"metadata": metadata});
    assert!(data.to_string().len() > 256 * 1024);
    assert_eq!(scrubbed(&from_request(&data), &data), kept);
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
    fn a_secret_packed_anywhere_never_survives(
        (secret, fields) in "[A-Z0-9]{8,40}".prop_flat_map(|secret| {
            let fields = btree_map("[a-z]{1,6}", any_json(secret.clone()), 0..6);
            (Just(secret), fields)
        }),
        sent in 0_usize..=4,
        kept in 0_usize..=6,
    ) {
        let secrets = from_request(&packed(&json!([{"password": secret}]), sent));
        let data = json!({"settings": packed(&json!(fields), kept)});
        let rest = scrubbed(&secrets, &data);
        prop_assert!(!rest.to_string().contains(&secret), "{} in {}", secret, rest);
    }

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
        prop_assert_eq!(scrubbed(&no_secrets(), &data), json!({"metadata": [{}]}));
    }
}
