use proptest::prelude::*;
use serde_json::json;

use super::*;

fn nested(levels: usize) -> String {
    format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn a_surrogate_without_its_other_half_is_a_replacement_character() {
    for (text, value) in [
        (r#""\ud800""#, "\u{fffd}"),
        (r#""\udc00""#, "\u{fffd}"),
        (r#""\uD800\uD800x""#, "\u{fffd}\u{fffd}x"),
        (r#""\ud800\u0041""#, "\u{fffd}A"),
        (r#""\ud83d\ude00""#, "\u{1f600}"),
        (r#""\ud83d\ud83d\ude00\ude00""#, "\u{fffd}\u{1f600}\u{fffd}"),
        (r#""\\ud800""#, "\\ud800"),
    ] {
        assert_eq!(read(text.as_bytes()).unwrap(), value, "{text}");
    }
    let key = read(br#"{"a\ud800": 1}"#).unwrap();
    assert_eq!(key, json!({"a\u{fffd}": 1}));
}

#[test]
fn a_number_out_of_range_is_null() {
    let digits = "9".repeat(400);
    for number in ["1e999", "-1E+999", "1.5e99999999999999999999", &digits] {
        let read = read(format!("[{number},1]").as_bytes()).unwrap();
        assert_eq!(read, json!([null, 1]), "{number}");
    }
    let tiny = read(b"[1e-999, -0.0, 0e99999999999999999999, 1e308]").unwrap();
    assert_eq!(tiny, json!([0.0, -0.0, 0.0, 1e308]));
}

#[test]
fn what_is_nested_too_deep_is_null() {
    let kept = read(nested(MAX_LEVELS).as_bytes()).unwrap();
    assert_eq!(kept.to_string(), nested(MAX_LEVELS));
    for levels in [MAX_LEVELS + 1, 200, 100_000] {
        let cut = read(nested(levels).as_bytes()).unwrap().to_string();
        assert_eq!(cut, nested(MAX_LEVELS).replace('1', "null"));
        let body = format!(r#"{{"keyId":"k1","x":{}}}"#, nested(levels));
        assert_eq!(read(body.as_bytes()).unwrap()["keyId"], "k1");
    }
    let tricky = format!(r#"{}{{"]}}\"]":["}}"]}}{}"#, "[".repeat(64), "]".repeat(64));
    let cut = read(tricky.as_bytes()).unwrap().to_string();
    assert_eq!(cut, nested(64).replace('1', "null"));
}

#[test]
fn a_mark_and_foreign_bytes_are_read_as_javascript_reads_them() {
    assert_eq!(read(b"\xef\xbb\xbf[1]").unwrap(), json!([1]));
    assert_eq!(read(b"[\"\xff\"]").unwrap(), json!(["\u{fffd}"]));
}

#[test]
fn what_is_no_json_stays_none() {
    for text in [
        "",
        "{",
        "\"",
        "\"\\",
        "\"\\u",
        "\"\\ud8",
        "[1",
        "nul",
        "\u{feff}\u{feff}1",
        "-",
        "1.",
        "\"\\ud800",
        "{\"a\":}",
        "[1e999",
        "\"\n\"",
    ] {
        assert!(read(text.as_bytes()).is_err(), "{text:?}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Pieces of what only JavaScript reads, and of what nobody does.
const PIECES: &str =
    r#"(\\u[dD][89cdef]00|\\u[0-9a-f]{4}|\\|"|[\[\]{}:,]|1e999|-?[0-9.eE+-]{1,6}|é|x){0,40}"#;

proptest! {
    #[test]
    fn what_serde_json_reads_is_left_as_it_is(value in any_json(), pretty: bool) {
        let text = if pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        prop_assert!(matches!(to_strict_json(&text), Cow::Borrowed(_)));
        prop_assert_eq!(read(text.as_bytes()).unwrap(), value);
    }

    #[test]
    fn any_text_comes_out_readable_if_it_was(text in PIECES) {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            prop_assert_eq!(read(text.as_bytes()).unwrap(), value);
        }
        let once = to_strict_json(&text);
        prop_assert_eq!(to_strict_json(&once), once.as_ref());
    }

    #[test]
    fn strings_of_any_utf_16_units_are_read_as_javascript_reads_them(
        units in proptest::collection::vec(prop_oneof![0xd700_u16..0xe100, any::<u16>()], 0..12)
    ) {
        let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        let read = read(format!("[\"{escaped}\"]").as_bytes()).unwrap();
        prop_assert_eq!(read, json!([String::from_utf16_lossy(&units)]));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
        let _ = read(&bytes);
    }
}
