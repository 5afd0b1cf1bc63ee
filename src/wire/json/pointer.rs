//! Lookup of a single string in a JSON body, without decoding the rest.

use std::borrow::Cow;

use super::scan;

/// Returns the string at the JSON pointer `path` in `body`.
///
/// Returns `None` for a body that is not JSON or that has the member twice, since readers disagree on
/// the valid one.
pub(crate) fn string_at<'b>(body: &'b [u8], path: &str) -> Option<Cow<'b, str>> {
    let (found, end) = string_below(body, 0, path)?;
    scan::token(body, end).is_none().then_some(found)
}

/// Returns the string at `path` in the value at `at`, and the position after that value.
fn string_below<'b>(json: &'b [u8], at: usize, path: &str) -> Option<(Cow<'b, str>, usize)> {
    let Some(path) = path.strip_prefix('/') else {
        let (raw, end) = scan::string(json, at)?;
        return Some((text(raw)?, end));
    };
    let (wanted, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
    let mut found = None;
    let mut at = scan::expect(json, at, b'{')?;
    loop {
        let (name, end) = scan::string(json, at)?;
        let start = scan::expect(json, end, b':')?;
        at = if text(name)? != wanted {
            scan::value(json, start)?
        } else if found.is_none() {
            let (string, end) = string_below(json, start, rest)?;
            found = Some(string);
            end
        } else {
            return None;
        };
        match scan::token(json, at)? {
            (b',', comma) => at = comma + 1,
            (b'}', end) => return Some((found?, end + 1)),
            _ => return None,
        }
    }
}

/// Decodes the bytes between the quotes of a string.
fn text(raw: &[u8]) -> Option<Cow<'_, str>> {
    if raw.contains(&b'\\') {
        let quoted = [b"\"", raw, b"\""].concat();
        serde_json::from_slice(&quoted).ok().map(Cow::Owned)
    } else {
        str::from_utf8(raw).ok().map(Cow::Borrowed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::fuzzing::body_id;

    #[test]
    fn only_the_string_at_the_path_is_found() {
        for (body, path, expected) in [
            (r#"{"id":"a"}"#, "/id", Some("a")),
            (
                r#" { "x" : [1,{"id":"no"}], "id" : "a" } "#,
                "/id",
                Some("a"),
            ),
            (r#"{"i\u0064":"\u0061"}"#, "/id", Some("a")),
            (r#"{"event":{"id":"a"}}"#, "/event/id", Some("a")),
            (r#"{"event":{"id":"a"}}"#, "/id", None),
            (r#"{"id":7}"#, "/id", None),
            (r#"{"id":null}"#, "/id", None),
            (r#"{"id":{"id":"a"}}"#, "/id", None),
            (r#"{"id":"a","id":"b"}"#, "/id", None),
            (r#"{"id":"a"} {}"#, "/id", None),
            (r#"{"id":"a""#, "/id", None),
            (r#"["a"]"#, "/id", None),
            ("\"a\"", "/id", None),
            ("", "/id", None),
            ("\u{feff}{\"id\":\"a\"}", "/id", None),
        ] {
            let found = string_at(body.as_bytes(), path);
            assert_eq!(found.as_deref(), expected, "{body} at {path}");
        }
        assert_eq!(string_at(b"{\"id\":\"\xff\"}", "/id"), None);
    }

    #[test]
    fn a_body_nested_beyond_reason_does_not_exhaust_the_stack() {
        let deep = [b"[".repeat(1 << 20), b"]".repeat(1 << 20)].concat();
        let body = [br#"{"x":"#.as_slice(), &deep, br#","id":"a"}"#].concat();
        assert_eq!(string_at(&body, "/id").as_deref(), Some("a"));
    }

    #[test]
    fn nothing_is_found_in_a_body_that_is_no_json() {
        let words = r#"01 - +1 1. .5 1e 1e+ 0x1 tru nulll True [ [1,] [,1] {,} {"a"} {"a":} {"a":1,}
            {1:1} [} {] 'a' "\x" "\u12" "\u12g4" " "#;
        let others = ["[1 2]", "\"\n\"", ""];
        for member in words.split_whitespace().chain(others) {
            for body in [
                format!(r#"{{"id":"a","x":{member}}}"#),
                format!(r#"{{"x":{member},"id":"a"}}"#),
            ] {
                assert_eq!(string_at(body.as_bytes(), "/id"), None, "{body}");
            }
        }
        for member in [
            "0",
            "-0",
            "10",
            "1.50E-07",
            "-1e9999",
            "[[],{}]",
            " [ 1 , { } ] ",
            r#""\ud800""#,
        ] {
            let body = format!(r#"{{"x":{member},"id":"a"}}"#);
            assert_eq!(
                string_at(body.as_bytes(), "/id").as_deref(),
                Some("a"),
                "{body}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn it_agrees_with_serde_on_any_tokens(tokens in proptest::collection::vec(select(TOKENS), 0..12)) {
            let body = format!(r#"{{"id":"a",{}}}"#, tokens.concat());
            body_id(body.as_bytes());
            body_id(tokens.concat().as_bytes());
        }

        #[test]
        fn it_agrees_with_serde_on_a_changed_text(
            text in "[ -~\\n]{0,40}", at in any::<usize>(), byte in any::<u8>(),
        ) {
            let inner = serde_json::json!({ "id": text, "n": [1, -2.5e3, true, null, { "id": text }] });
            let mut body = serde_json::json!({ "event": inner, "x": text, "id": text }).to_string().into_bytes();
            body_id(&body);
            let at = at % body.len();
            body[at] = byte;
            body_id(&body);
        }
    }

    const TOKENS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"id\"",
        "\"\\u0069d\"",
        "\"event\"",
        "\"\"",
        "\"\\ud800\"",
        "\"\\\\\"",
        "\"a long text of several words\"",
        "0",
        "-1.5e+3",
        "true",
        "false",
        "null",
        " \n",
    ];

    proptest! {
        #[test]
        fn it_agrees_with_a_full_decoder(body in "[\\PC]{0,64}", name in "[a-z]{1,3}", id in "\\PC*") {
            prop_assert!(string_at(body.as_bytes(), "/id").is_none() || body.contains("id"));
            let json = serde_json::json!({ &name: &id, "z": { "id": &body } });
            let full = json.pointer("/id").and_then(serde_json::Value::as_str);
            let text = json.to_string();
            let found = string_at(text.as_bytes(), "/id");
            prop_assert_eq!(found.as_deref(), full);
        }
    }
}
