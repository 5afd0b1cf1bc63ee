use proptest::prelude::*;

use super::*;

fn written(json: &str) -> Vec<String> {
    let styles = EscapeUsage::of(json.as_bytes()).styles();
    let write = |style: &StringStyle| {
        let mut bytes = Vec::new();
        style.write(json.trim_matches('"').as_bytes(), |piece| {
            bytes.extend_from_slice(piece)
        });
        String::from_utf8(bytes).unwrap()
    };
    styles.iter().map(write).collect()
}

#[test]
fn a_string_is_written_as_known_programs_write_it() {
    for (json, program, expected) in [
        ("ë/😀\u{7f}", "JavaScript", "ë/😀\u{7f}"),
        ("ë/😀\u{7f}", "Python", r"\u00eb/\ud83d\ude00\u007f"),
        ("ë/😀\u{7f}", "PHP", "\\u00eb\\/\\ud83d\\ude00\u{7f}"),
        ("ë/<\u{2028}", "Swift", "ë\\/<\u{2028}"),
        (
            "ë<>&\u{2028}'",
            "Go and Rails",
            r"ë\u003c\u003e\u0026\u2028'",
        ),
        (
            "ë<>&'+`=",
            ".NET",
            r"\u00EB\u003C\u003E\u0026\u0027\u002B\u0060=",
        ),
        (r#"a\"b\\"#, ".NET", r"a\u0022b\\"),
        ("ë<>&='", "Gson", r"ë\u003c\u003e\u0026\u003d\u0027"),
        (
            "ë<>&'",
            "PHP with JSON_HEX_*",
            r"\u00EB\u003C\u003E\u0026\u0027",
        ),
        ("😀", "Jackson", r"\uD83D\uDE00"),
        (r"\b\f\u001f", "Go before 1.22", r"\u0008\u000c\u001f"),
        (r"\u0008\u000C\u001F", "JavaScript", r"\b\f\u001f"),
        (r"\u00EB\/\u003C\ud83d", "JavaScript", r"ë/<\ud83d"),
    ] {
        let json = format!("\"{json}\"");
        let written = written(&json);
        assert!(
            written.iter().any(|text| text == expected),
            "{program}: {written:?}"
        );
    }
}

#[test]
fn what_has_no_escapes_has_one_style() {
    assert_eq!(EscapeUsage::of(br#"{"a":["b",1]}"#).styles().len(), 1);
    assert_eq!(EscapeUsage::of(b"[1,2]").styles().len(), 1);
}

proptest! {
    #[test]
    fn every_style_keeps_the_text(text in "(\\PC|[a<>/&'\"\\\\\u{8}\u{2028}\u{7f}é😀]){0,12}") {
        let json = serde_json::to_string(&text).unwrap();
        let found = EscapeUsage::of(json.as_bytes());
        for style in found.styles() {
            let mut bytes = b"\"".to_vec();
            style.write(&json.as_bytes()[1..json.len() - 1], |piece| bytes.extend_from_slice(piece));
            bytes.push(b'"');
            prop_assert_eq!(&serde_json::from_slice::<String>(&bytes).unwrap(), &text);
        }
    }

    #[test]
    fn nothing_that_is_no_json_is_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        for style in EscapeUsage::of(&bytes).styles() {
            style.write(&bytes, |_| {});
        }
    }
}
