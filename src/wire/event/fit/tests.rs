use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::wire::event::event_type::EventType;

fn event(name: &str, data: Value) -> AuthEvent {
    let Value::Object(data) = data else {
        panic!("{data} is not an object");
    };
    AuthEvent::new(name.parse().unwrap(), data)
}

fn fitted(name: &str, data: Value) -> Value {
    Value::Object(event(name, data).fit().unwrap().data)
}

fn refused(name: &str, data: Value) -> String {
    event(name, data).fit().unwrap_err().to_string()
}

#[test]
fn what_fits_is_told_as_it_is() {
    let data = json!({
        "id": "u", "emailVerified": true, "banned": null, "name": "n".repeat(MAX_TEXT),
        "createdAt": 1_700_000_000_123_u64, "updatedAt": "2026-11-20T10:00:00.000Z",
        "age": 1, "tags": ["a", { "b": 2 }],
    });
    assert_eq!(fitted("user.created", data.clone()), data);
}

#[test]
fn a_number_0_or_1_where_a_flag_stands_becomes_the_flag() {
    let data = json!({ "id": "u", "emailVerified": 1, "banned": 0, "twoFactorEnabled": 1 });
    let flags =
        json!({ "id": "u", "emailVerified": true, "banned": false, "twoFactorEnabled": true });
    assert_eq!(fitted("user.updated", data), flags);
    let key = fitted("api_key.created", json!({ "id": "k", "enabled": 1 }));
    assert_eq!(key, json!({ "id": "k", "enabled": true }));
}

#[test]
fn a_field_of_a_wrong_type_is_left_out_and_named() {
    for (field, wrong) in [
        ("emailVerified", json!("2026-11-20T10:00:00.000Z")),
        ("emailVerified", json!(2)),
        ("emailVerified", json!(-1)),
        ("emailVerified", json!("true")),
        ("banned", json!([])),
        ("name", json!(1)),
        ("role", json!(["admin"])),
        ("image", json!({ "url": "x" })),
        ("createdAt", json!("yesterday")),
        ("updatedAt", json!(true)),
        ("banExpires", json!(-5)),
    ] {
        let told = fitted("user.created", json!({ "id": "u", field: wrong }));
        assert_eq!(told, json!({ "id": "u", "omitted": [field] }));
    }
}

#[test]
fn a_long_text_is_left_out_wherever_in_a_field_it_stands() {
    let long = "x".repeat(MAX_TEXT + 1);
    let data = json!({
        "id": "o", "name": "n", "logo": long, "metadata": { "a": [1, { "b": long }] },
        "keys": { long.as_str(): 1 }, "plan": "pro",
    });
    let told = json!({
        "id": "o", "name": "n", "plan": "pro", "omitted": ["keys", "logo", "metadata"],
    });
    assert_eq!(fitted("organization.created", data), told);
    let data = json!({ "id": "o", "text": long });
    let told = json!({ "id": "o", "omitted": ["text"] });
    assert_eq!(fitted("crm.contact_made", data), told);
}

#[test]
fn the_longest_fields_are_left_out_of_what_is_more_than_can_be_sent() {
    let part = "x".repeat(MAX_TEXT);
    let parts = |count| json!(vec![part.clone(); count]);
    let data = json!({ "id": "o", "a": parts(20), "b": parts(10), "c": parts(11) });
    let told = fitted("organization.created", data);
    assert_eq!(told["omitted"], json!(["a"]));
    assert_eq!(told["c"], parts(11));
}

#[test]
fn an_id_is_never_left_out_and_a_wrong_one_is_told_by_its_field() {
    let long = "x".repeat(MAX_TEXT + 1);
    let data = json!({ "id": long, "userId": long });
    assert_eq!(fitted("session.created", data.clone()), data);
    for (name, data, field) in [
        ("user.created", json!({}), "id"),
        ("user.created", json!({ "id": 1, "banned": "x" }), "id"),
        ("user.deleted", json!({ "id": "" }), "id"),
        ("user.deleted", json!({ "id": null }), "id"),
        (
            "session.revoked",
            json!({ "handle": "tell-nobody" }),
            "handle",
        ),
        ("session.created", json!({ "userId": true }), "userId"),
        (
            "member.added",
            json!({ "id": "m", "organizationId": 1 }),
            "organizationId",
        ),
        (
            "api_key.created",
            json!({ "id": "k", "referenceId": 1 }),
            "referenceId",
        ),
    ] {
        let error = refused(name, data);
        assert!(error.contains(&format!("`{field}`")), "{error}");
        assert!(!error.contains("tell-nobody"), "{error}");
    }
}

#[test]
fn what_was_left_out_before_stays_named_and_no_other_list_does() {
    let before = json!({ "id": "u", "banned": "x", "omitted": ["name", "email"] });
    let told = json!({ "id": "u", "omitted": ["banned", "email", "name"] });
    assert_eq!(fitted("user.created", before), told);
    for other in [
        json!("name"),
        json!(["id"]),
        json!([1]),
        json!({}),
        Value::Null,
    ] {
        let told = fitted("user.created", json!({ "id": "u", "omitted": other }));
        assert_eq!(told, json!({ "id": "u", "omitted": ["omitted"] }));
    }
}

#[test]
fn data_that_does_not_decode_is_told_by_its_field() {
    for (name, data, field) in [
        ("user.created", json!({}), "id"),
        (
            "user.created",
            json!({ "id": "u", "emailVerified": 1 }),
            "emailVerified",
        ),
        (
            "user.created",
            json!({ "id": "u", "banExpires": "secret" }),
            "banExpires",
        ),
        ("session.created", json!({ "handle": "secret" }), "handle"),
        ("session.created", json!({ "id": "" }), "id"),
        (
            "invitation.created",
            json!({ "id": "i", "teamId": ["secret"] }),
            "teamId",
        ),
        (
            "api_key.revoked",
            json!({ "id": "k", "enabled": "secret" }),
            "enabled",
        ),
    ] {
        let error = event(name, data).resource().unwrap_err();
        assert!(
            matches!(error, DecodeError::Resource { field: named, .. } if named == field),
            "{error}"
        );
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}

/// Any value, and often one that some field takes or nearly takes.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_u64).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        Just(json!("2026-11-20T10:00:00Z")),
        Just(json!("Wo9BmUFsImNx0fMqJ4bhZo8SvCo0TN_de5P6Hzkz1T0")),
        (MAX_TEXT - 1..MAX_TEXT + 2).prop_map(|length| "x".repeat(length).into()),
    ];
    leaf.prop_recursive(3, 48, 40, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..40).prop_map(Value::from),
            btree_map("[a-c]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Any JSON object, under any event's name, with many fields that the event's resource declares.
pub(crate) fn events() -> impl Strategy<Value = AuthEvent> {
    let declared = |event_type: &EventType| {
        let (_, fields) = ResourceKind::of(event_type).declared();
        let names = fields.iter().map(|field| field.name.to_owned());
        names
            .chain([OMITTED.to_owned(), "id".into(), "token".into()])
            .collect::<Vec<_>>()
    };
    let names = EventType::KNOWN.iter().cloned();
    let names: Vec<_> = names.chain([EventType::new("crm.made").unwrap()]).collect();
    prop::sample::select(names).prop_flat_map(move |event_type| {
        let name = prop_oneof![
            8 => prop::sample::select(declared(&event_type)),
            1 => ".{0,5}",
        ];
        (btree_map(name, value(), 0..12), any::<bool>()).prop_map(move |(data, has_id)| {
            let mut data: Map<_, _> = data.into_iter().collect();
            if has_id {
                data.insert("id".into(), "x".into());
            }
            AuthEvent::new(event_type.clone(), data)
        })
    })
}

proptest! {
    #[test]
    fn what_comes_out_of_any_object_decodes_and_fits_as_it_is(event in events()) {
        if let Ok(fitted) = event.clone().fit() {
            prop_assert!(fitted.resource().is_ok());
            prop_assert_eq!(&fitted.clone().fit().unwrap(), &fitted);
            let omitted = fitted.data().get(OMITTED).and_then(Value::as_array);
            let is_named = |name| omitted.is_some_and(|names| names.contains(&json!(name)));
            for (name, _) in event.data().iter().filter(|(name, _)| *name != OMITTED) {
                prop_assert_ne!(fitted.data().contains_key(name), is_named(name), "{}", name);
            }
        } else {
            prop_assert!(event.resource().is_err());
        }
    }
}
