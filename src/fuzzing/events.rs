//! Properties of events, for receivers and for the emitting layer.

use serde_json::{Map, Value};

use super::first_line;
use super::json::Members;
use crate::base::clock::UnixMillis;
use crate::base::id::MessageId;
use crate::wire::event::AuthEvent;

/// A payload decodes to the values of a plain JSON parser, and its encoding decodes to the same event.
/// A payload with a name and data alone decodes.
pub fn event_envelope(payload: &[u8]) {
    match AuthEvent::from_slice(payload) {
        Ok(event) => {
            let _ = event.resource();
            agrees(&event, payload);
            survives(&event);
        }
        Err(error) => assert!(!is_plain_event(payload), "{error}"),
    }
}

fn agrees(event: &AuthEvent, payload: &[u8]) {
    let fields: Map<String, Value> = match serde_json::from_slice(payload) {
        Ok(fields) => fields,
        Err(error) => panic!("decodes, and is no JSON object: {error}"),
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let names = [text("event"), text("type")];
    assert!(names.contains(&Some(event.event_type().as_str())));
    assert!(
        names
            .into_iter()
            .flatten()
            .all(|name| name == event.event_type().as_str())
    );
    assert_eq!(text("id"), event.id());
    assert_eq!(
        fields.get("data").and_then(Value::as_object),
        Some(event.data())
    );
    for (name, value) in event.extra() {
        assert_eq!(fields.get(name), Some(value), "{name}");
    }
    let has_time = event.occurred_at().is_some();
    let known = [
        "id",
        "event",
        "type",
        "data",
        "timestamp",
        "created_at",
        "createdAt",
    ];
    for (name, value) in &fields {
        let kept = known.contains(&name.as_str()) || event.extra().contains_key(name);
        assert!(kept, "{name} is lost");
        let is_time = known[4..].contains(&name.as_str()) && !value.is_null();
        assert!(has_time || !is_time, "{name} is lost");
    }
}

fn survives(event: &AuthEvent) {
    /// Later times are encoded as this one.
    const LATEST: UnixMillis = UnixMillis::from_millis(253_402_207_200_999);
    const NOW: UnixMillis = UnixMillis::from_millis(1_750_000_000_000);

    let Ok(id) = MessageId::new("msg_1") else {
        return;
    };
    let written = event.to_payload(&id, NOW);
    let again = match AuthEvent::from_slice(&written) {
        Ok(again) => again,
        Err(error) => panic!("what was written does not decode: {error}"),
    };
    assert_eq!(again.id(), Some("msg_1"));
    assert_eq!(again.event_type(), event.event_type());
    assert_eq!(again.data(), event.data());
    assert_eq!(again.extra(), event.extra());
    let time = event.occurred_at().unwrap_or(NOW).min(LATEST);
    assert_eq!(again.occurred_at(), Some(time));
    assert_eq!(again.to_payload(&id, NOW), written);
}

/// Returns whether the payload consists of a name and data alone.
fn is_plain_event(payload: &[u8]) -> bool {
    let Some(members) = Members::read(payload).filter(|members| !members.has_doubles()) else {
        return false;
    };
    let is_name =
        |name: &str| matches!(members.only(name), Some(Value::String(name)) if !name.is_empty());
    let is_data = matches!(members.only("data"), Some(Value::Object(_)));
    members.0.len() == 2 && is_data && (is_name("event") || is_name("type"))
}

/// No payload contains the password of a request, for any response; ids and documented plain fields are
/// not compared.
///
/// The first line is the path, the rest the response, in which `$` stands for the password.
pub fn emit_redaction(input: &[u8]) {
    use super::emit::{is_public, payloads, with_secret};

    /// Long enough for the search inside other texts, and not part of any name.
    const SECRET: &str = "S3CR3T-PASSWORD";

    let Some((path, answered)) = first_line(input) else {
        return;
    };
    let answered = String::from_utf8_lossy(answered).replace('$', SECRET);
    let Ok(answered) = serde_json::from_str::<Value>(&answered) else {
        return;
    };
    for mut payload in payloads(path, &with_secret(SECRET), &answered) {
        if let Some(fields) = payload.as_object_mut() {
            fields.retain(|key, value| !is_public(key, value));
        }
        assert!(!payload.to_string().contains(SECRET));
    }
}

/// The lenient reader agrees with `serde_json`, except for values that are nested too deep, and its
/// result is within the depth limit.
pub fn captured_json(body: &[u8]) {
    super::emit::lenient(body);
}
