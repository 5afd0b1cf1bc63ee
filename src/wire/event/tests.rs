use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::base::clock::UnixMillis;
use crate::base::id::MessageId;

const NOW: UnixMillis = UnixMillis::from_millis(1_795_308_481_813);

fn id() -> MessageId {
    MessageId::new("msg_1").unwrap()
}

fn decode(payload: &str) -> Result<AuthEvent, DecodeError> {
    AuthEvent::from_slice(payload.as_bytes())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is not an object"),
    }
}

#[test]
fn the_three_envelopes_decode_to_the_same_event() {
    let time = "\"2026-11-22T00:48:01.813Z\"";
    for (payload, id) in [
        (
            format!(r#"{{"event":"user.created","timestamp":{time},"data":{{"id":"u1"}}}}"#),
            None,
        ),
        (
            format!(r#"{{"type":"user.created","timestamp":{time},"data":{{"id":"u1"}}}}"#),
            None,
        ),
        (
            format!(
                r#"{{"id":"evt_1","type":"user.created","data":{{"id":"u1"}},"created_at":{time}}}"#
            ),
            Some("evt_1"),
        ),
        (
            format!(
                r#"{{"id":"msg_1","event":"user.created","timestamp":{time},"data":{{"id":"u1"}}}}"#
            ),
            Some("msg_1"),
        ),
    ] {
        let event = decode(&payload).unwrap();
        assert_eq!(event.id(), id, "{payload}");
        assert_eq!(event.event_type(), &EventType::UserCreated);
        assert_eq!(event.occurred_at(), Some(NOW));
        assert_eq!(event.resource().unwrap(), Resource::User(User::new("u1")));
        assert!(event.extra().is_empty());
        assert_eq!(serde_json::from_str::<AuthEvent>(&payload).unwrap(), event);
    }
}

#[test]
fn the_default_envelope_is_written_with_id_name_time_and_data_in_this_order() {
    let event = AuthEvent::user_created(&User::new("u1"));
    assert_eq!(
        event.to_payload(&id(), NOW),
        r#"{"id":"msg_1","event":"user.created","timestamp":"2026-11-22T00:48:01.813Z","data":{"id":"u1"}}"#
    );
    let earlier = event.at(UnixMillis::EPOCH).to_payload(&id(), NOW);
    assert!(String::from_utf8_lossy(&earlier).contains("\"1970-01-01T00:00:00.000Z\""));
}

#[test]
fn unknown_names_and_fields_are_kept_and_written_again() {
    let payload = r#"{"event":"wallet.opened é","timestamp":1,"data":{"id":7},"tenant":"t1"}"#;
    let event = decode(payload).unwrap();
    assert_eq!(event.event_type().as_str(), "wallet.opened é");
    assert!(matches!(event.event_type(), EventType::Other(_)));
    assert!(!event.event_type().is_well_formed());
    assert_eq!(event.resource().unwrap(), Resource::Other);
    assert_eq!(event.extra()["tenant"], "t1");
    let again = AuthEvent::from_slice(&event.to_payload(&id(), NOW)).unwrap();
    assert_eq!(again.extra(), event.extra());
    assert_eq!(again.data(), event.data());
}

#[test]
fn a_received_name_that_is_known_is_never_other() {
    for known in EventType::KNOWN {
        let received: EventType = serde_json::from_value(json!(known.as_str())).unwrap();
        assert!(!matches!(received, EventType::Other(_)), "{known}");
        assert_eq!(&received, known);
        assert_eq!(known.as_str().parse::<EventType>().as_ref(), Ok(known));
    }
    assert_eq!(EventType::KNOWN.len(), 22);
}

#[test]
fn names_to_send_keep_to_the_harmless_characters() {
    let long = "a".repeat(129);
    for (name, legal) in [
        ("crm.contact-made_2", true),
        (&long[1..], true),
        (&long, false),
        ("", false),
        ("a b", false),
        ("a\n", false),
        ("é", false),
        ("a/b", false),
        ("a\0", false),
    ] {
        assert_eq!(EventType::new(name).is_ok(), legal, "{name:?}");
    }
}

const MALFORMED: &[(&[u8], &str)] = &[
    (
        b"\xef\xbb\xbf{}",
        "the payload begins with a byte order mark; JSON has none",
    ),
    (b"{\"a\":\"\xff\"}", "the payload is not UTF-8 from byte 6"),
    (b"", "the payload is not JSON: line 1, column 0"),
    (b"{\n]", "the payload is not JSON: line 2, column 1"),
    (b"{} {}", "the payload is not JSON: line 1, column 4"),
    (b"[]", "`payload` is not an object"),
    (b"null", "`payload` is not an object"),
    (b"{}", "the payload has no `event`"),
    (
        br#"{"event":"a","data":{},"event":"a"}"#,
        "the payload has the same key twice in one object: line 1, column 35",
    ),
    (
        br#"{"event":"a","data":{"x":[{"k":1,"\u006b":2}]}}"#,
        "the payload has the same key twice in one object: line 1, column 44",
    ),
    (
        br#"{"event":"a","type":"b","data":{}}"#,
        "the payload has both `event` and `type`, and they differ",
    ),
    (
        br#"{"event":1,"data":{}}"#,
        "`event` is not a text of at least one character",
    ),
    (
        br#"{"type":"","data":{}}"#,
        "`type` is not a text of at least one character",
    ),
    (br#"{"event":"a"}"#, "the payload has no `data`"),
    (br#"{"event":"a","data":[]}"#, "`data` is not an object"),
    (br#"{"event":"a","data":null}"#, "`data` is not an object"),
    (
        br#"{"id":1,"event":"a","data":{}}"#,
        "`id` is not a text of at least one character",
    ),
    (
        br#"{"event":"a","timestamp":"x","data":{}}"#,
        "`timestamp` is not an RFC 3339 time, or whole seconds or milliseconds since 1970, up to the year 9999",
    ),
    (
        br#"{"type":"a","created_at":{},"data":{}}"#,
        "`created_at` is not an RFC 3339 time, or whole seconds or milliseconds since 1970, up to the year 9999",
    ),
];

#[test]
fn malformed_payloads_are_refused_with_what_and_where() {
    for (payload, text) in MALFORMED {
        let err = AuthEvent::from_slice(payload).unwrap_err();
        assert_eq!(
            err.to_string(),
            *text,
            "{}",
            String::from_utf8_lossy(payload)
        );
    }
}

#[test]
fn nesting_deeper_than_the_parser_goes_is_refused_without_overflow() {
    let deep = "[".repeat(100_000);
    assert!(matches!(
        decode(&format!(r#"{{"event":"a","data":{{"x":{deep}"#)),
        Err(DecodeError::Syntax { .. })
    ));
}

#[test]
fn times_are_read_in_every_form_that_has_one_meaning() {
    for (time, expected) in [
        (json!("2026-11-22T00:48:01.813Z"), Some(1_795_308_481_813)),
        (
            json!("2026-11-22T01:48:01.813999+01:00"),
            Some(1_795_308_481_813),
        ),
        (json!("2026-11-22T00:48:01Z"), Some(1_795_308_481_000)),
        (json!(1_795_308_481), Some(1_795_308_481_000)),
        (json!(1_795_308_481_813_u64), Some(1_795_308_481_813)),
        (json!(99_999_999_999_u64), Some(99_999_999_999_000)),
        (json!(100_000_000_000_u64), Some(100_000_000_000)),
        (json!(0), Some(0)),
        (json!(253_402_207_200_999_u64), Some(253_402_207_200_999)),
        (json!(253_402_207_201_000_u64), None),
        (json!(u64::MAX), None),
        (json!(-1), None),
        (json!(1.5), None),
        (json!("1795308481"), None),
        (json!("1969-12-31T23:59:59Z"), None),
        (json!("2026-11-22T00:48:01.813"), None),
        (json!("2026-11-22T00:48:01+01:00[Europe/Berlin]"), None),
        (json!(""), None),
        (json!(true), None),
    ] {
        let payload = json!({"event": "a", "timestamp": time, "data": {}}).to_string();
        let read = decode(&payload).ok().and_then(|event| event.occurred_at());
        assert_eq!(read.map(UnixMillis::as_millis), expected, "{time}");
    }
    assert_eq!(
        decode(r#"{"event":"a","timestamp":null,"data":{}}"#)
            .unwrap()
            .occurred_at(),
        None
    );
}

#[test]
fn a_time_after_the_year_9999_is_written_as_the_last_that_can_be() {
    let late = UnixMillis::from_millis(u64::MAX);
    let payload = AuthEvent::user_created(&User::new("u1")).to_payload(&id(), late);
    assert!(String::from_utf8_lossy(&payload).contains("\"9999-12-30T22:00:00.999Z\""));
}

/// Found by the fuzz target `event_envelope`.
#[test]
fn the_last_second_that_can_be_written_has_its_milliseconds() {
    for millis in [0, 1, 998, 999] {
        let time = UnixMillis::from_millis(253_402_207_200_000 + millis);
        let event = AuthEvent::user_created(&User::new("u1")).at(time);
        let read = AuthEvent::from_slice(&event.to_payload(&id(), NOW)).unwrap();
        assert_eq!(read.occurred_at(), Some(time));
    }
}

#[test]
fn recorded_resources_survive_decoding_and_encoding() {
    let recorded = |name: &str| -> Value {
        let path = format!(
            "{}/tests/data/better-auth/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let exchange: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        exchange["response"]["body"].clone()
    };
    fn round<T>(value: &Value) -> T
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        let resource: T = serde_json::from_value(value.clone()).unwrap();
        let again = serde_json::to_value(&resource).unwrap();
        let present: Map<_, _> = object(value.clone())
            .into_iter()
            .filter(|(key, value)| !value.is_null() || again.get(key).is_some())
            .collect();
        assert_eq!(object(again), present);
        resource
    }
    let user: User = round(&recorded("76-admin-ban-user")["user"]);
    assert_eq!(
        user.ban_expires,
        Some(UnixMillis::from_millis(1_795_641_433_284))
    );
    assert_eq!(user.ban_reason.as_deref(), Some("spam"));
    let session: Session = round(&recorded("84-admin-impersonate-user")["session"]);
    assert!(session.impersonated_by.is_some() && session.expires_at.is_some());
    let organization: Organization = round(&recorded("44-organization-create"));
    assert_eq!(organization.extra["metadata"], json!({"plan": "pro"}));
    let member: Member = round(&recorded("55-organization-update-member-role"));
    assert_eq!(member.role.as_deref(), Some("admin"));
    let invitation: Invitation = round(&recorded("48-organization-invite-member"));
    assert_eq!(invitation.status.as_deref(), Some("pending"));
    let key: ApiKey = round(&recorded("69-api-key-create"));
    assert_eq!(key.start.as_deref(), Some("eCpSeL"));
    assert!(!AuthEvent::api_key_created(&key).data().contains_key("key"));
}

#[test]
fn a_session_never_carries_its_token() {
    let payload = r#"{"type":"session.created","data":{"id":"s1","token":"secret-token"}}"#;
    let Resource::Session(session) = decode(payload).unwrap().resource().unwrap() else {
        panic!("not a session");
    };
    assert_eq!(
        session.handle,
        Some(SessionHandle::of_token("secret-token"))
    );
    assert!(session.extra.is_empty());
    let mut told = Session::of_token("secret-token");
    told.extra.insert("token".into(), json!("secret-token"));
    let sent = AuthEvent::session_created(&told).to_payload(&id(), NOW);
    assert!(!String::from_utf8_lossy(&sent).contains("secret-token"));
}

#[test]
fn a_handle_is_the_documented_hash() {
    // printf 'tower-auth-sync session\0abc' | openssl dgst -sha256 -binary | basenc --base64url
    let handle = SessionHandle::of_token("abc");
    assert_eq!(
        handle.as_str(),
        "Wo9BmUFsImNx0fMqJ4bhZo8SvCo0TN_de5P6Hzkz1T0"
    );
    assert_eq!(handle.as_str().parse(), Ok(handle.clone()));
    for text in [
        "",
        "abc",
        &handle.as_str()[1..],
        &format!("{handle}A"),
        &"+".repeat(43),
    ] {
        assert_eq!(SessionHandle::new(text), Err(InvalidHandle), "{text:?}");
    }
}

#[test]
fn data_that_is_not_the_promised_resource_is_refused_without_quoting_it() {
    let event = decode(r#"{"event":"user.created","data":{"id":"u1","banned":"tell-nobody"}}"#);
    let err = event.unwrap().resource().unwrap_err();
    assert_eq!(
        err.to_string(),
        "`data` is not a well-formed user: `banned` is missing or of a wrong type"
    );
    assert!(!format!("{err:?}").contains("tell-nobody"));
    let nameless = decode(r#"{"event":"user.deleted","data":{"id":""}}"#);
    assert!(nameless.unwrap().resource().is_err());
    assert!(
        decode(r#"{"event":"user.deleted","data":{}}"#)
            .unwrap()
            .resource()
            .is_err()
    );
}

#[test]
fn debug_output_shows_nothing_of_a_payload() {
    let mut user = User::new("u1");
    user.email = Some("alice@example.com".into());
    let event = AuthEvent::user_created(&user);
    let shown = format!("{user:?} {event:?} {:?}", event.resource().unwrap());
    assert!(!shown.contains("alice"), "{shown}");
    assert!(shown.contains("user.created"), "{shown}");
}

#[test]
fn filters_match_exact_names_groups_and_all() {
    for (text, printed, yes, no) in [
        ("*", "*", &["user.created", "x"][..], &[][..]),
        (
            "user.*",
            "user.*",
            &["user.created", "user.x.y"],
            &["user", "user.", "users.created", "session.created"],
        ),
        (
            " session.created ,user.*",
            "session.created,user.*",
            &["session.created"],
            &["session.revoked"],
        ),
        ("a.*,*", "*", &["b"], &[]),
        ("a,a", "a", &["a"], &["a.b"]),
    ] {
        let filter: EventFilter = text.parse().unwrap();
        assert_eq!(filter.to_string(), printed);
        assert_eq!(printed.parse(), Ok(filter.clone()));
        let json = serde_json::to_value(&filter).unwrap();
        assert_eq!(serde_json::from_value::<EventFilter>(json).unwrap(), filter);
        for name in yes {
            assert!(filter.matches(&EventType::received(name)), "{text} {name}");
        }
        for name in no {
            assert!(!filter.matches(&EventType::received(name)), "{text} {name}");
        }
    }
}

#[test]
fn filters_of_another_form_are_refused() {
    for (text, why) in [
        ("", InvalidFilter::Empty),
        ("  ", InvalidFilter::Empty),
        ("a,,b", InvalidFilter::Pattern),
        ("user*", InvalidFilter::Pattern),
        (".*", InvalidFilter::Pattern),
        ("*.created", InvalidFilter::Pattern),
        ("**", InvalidFilter::Pattern),
        ("user.**", InvalidFilter::Pattern),
        ("user created", InvalidFilter::Pattern),
    ] {
        assert_eq!(text.parse::<EventFilter>(), Err(why), "{text:?}");
    }
}

#[test]
fn a_proof_shows_everything_but_the_body() {
    let body = bytes::Bytes::from_static(b"alice@example.com");
    let delivered = VerifiedWebhook::new(
        WebhookHead {
            id: Some("msg_1".into()),
            id_is_authentic: true,
            sent_at: Some(NOW),
            scheme: "banata".into(),
            key_index: 1,
            tenant: Some("acme".into()),
        },
        body.clone(),
    );
    assert_eq!(delivered.id(), Some("msg_1"));
    assert_eq!(delivered.sent_at(), Some(NOW));
    assert_eq!((delivered.scheme(), delivered.key_index()), ("banata", 1));
    assert_eq!(delivered.tenant(), Some("acme"));
    assert_eq!(delivered.body(), &body);
    assert!(delivered.id_is_authentic());
    assert!(!format!("{delivered:?}").contains("alice"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(".*", inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(
        name in "[A-Za-z0-9_.-]{1,128}",
        data in btree_map(".*", any_json(), 0..8),
        time in 0..=253_402_207_200_999_u64,
    ) {
        let data: Map<_, _> = data.into_iter().collect();
        let event = AuthEvent::new(EventType::new(&name).unwrap(), data)
            .at(UnixMillis::from_millis(time));
        let again = AuthEvent::from_slice(&event.to_payload(&id(), NOW)).unwrap();
        prop_assert_eq!(again.id(), Some("msg_1"));
        prop_assert_eq!(again.event_type(), event.event_type());
        prop_assert_eq!(again.occurred_at(), event.occurred_at());
        prop_assert_eq!(again.data(), event.data());
        prop_assert!(again.extra().is_empty());
    }

    #[test]
    fn any_json_is_decoded_or_refused(payload in any_json()) {
        if let Ok(event) = AuthEvent::from_slice(payload.to_string().as_bytes()) {
            let _ = event.resource();
        }
    }

    #[test]
    fn any_resource_is_decoded_or_refused(
        index in 0..EventType::KNOWN.len(),
        key in "id|token|handle|banned|createdAt|role",
        value in any_json(),
    ) {
        let data = object(json!({"id": "x", key: value}));
        let event = AuthEvent::new(EventType::KNOWN[index].clone(), data);
        if let Ok(Resource::Session(session)) = event.resource() {
            prop_assert!(!session.extra.contains_key("token"));
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(payload in vec(any::<u8>(), 0..200)) {
        let _ = AuthEvent::from_slice(&payload);
    }
}
