//! How programs write the strings of JSON.

use super::diagnosis::BodyChange;

/// One way to write strings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Strings {
    /// Whether characters beyond ASCII are escaped.
    beyond_ascii: bool,
    /// Whether U+2028 and U+2029 are escaped, where others beyond ASCII are not.
    separators: bool,
    slashes: bool,
    /// The printable ASCII characters, and DEL, that are escaped, as a set of bits.
    ascii: u128,
    /// Whether `\u0008` and `\u000c` stand for `\b` and `\f`.
    long_controls: bool,
    /// Whether hex digits are in upper case.
    upper: bool,
}

/// What stands in the strings of a text, written out or escaped.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    plain: Kinds,
    escaped: Kinds,
    /// There is a `\u` that no style writes otherwise.
    has_fixed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Kinds {
    beyond_ascii: bool,
    separators: bool,
    slashes: bool,
    ascii: u128,
    /// Of the escaped: `\u0008` rather than `\b`.
    controls: bool,
}

impl Found {
    /// Looks through the strings of JSON.
    pub(crate) fn of(json: &[u8]) -> Self {
        let mut found = Self::default();
        let mut rest = json;
        while let Some(start) = rest.iter().position(|byte| *byte == b'"') {
            let (string, behind) = split_string(&rest[start + 1..]);
            units(string, |unit| found.note(unit));
            rest = behind;
        }
        found
    }

    fn note(&mut self, unit: Unit<'_>) {
        let is_long = unit.raw.starts_with(b"\\u");
        let kinds = if unit.raw.starts_with(b"\\") {
            &mut self.escaped
        } else {
            &mut self.plain
        };
        match unit.code {
            Some(0x2028 | 0x2029) => kinds.separators = true,
            Some(0x2f) => kinds.slashes = true,
            Some(0x08 | 0x0c) if is_long => self.escaped.controls = true,
            Some(0x08 | 0x0c) => self.plain.controls = true,
            // `\"` and `\\` are how every program writes them.
            Some(code @ (0x22 | 0x5c)) if !is_long => self.plain.ascii |= 1 << code,
            Some(code @ 0x20..0x80) => kinds.ascii |= 1 << code,
            Some(0..0x20 | 0xd800..0xe000) => self.has_fixed = true,
            Some(_) => kinds.beyond_ascii = true,
            None => {}
        }
    }

    /// Returns the ways in which known programs would have written these strings, each once.
    pub(crate) fn styles(&self) -> Vec<Strings> {
        let both = |is_there: bool| &[false, true][..1 + usize::from(is_there)];
        let any = |of: fn(&Kinds) -> bool| of(&self.plain) || of(&self.escaped);
        let mut styles = Vec::new();
        for &beyond_ascii in both(any(|kinds| kinds.beyond_ascii)) {
            for &slashes in both(any(|kinds| kinds.slashes)) {
                for ascii in SETS.map(set).into_iter().chain([self.escaped.ascii]) {
                    for &separators in both(any(|kinds| kinds.separators)) {
                        for &long_controls in both(any(|kinds| kinds.controls)) {
                            for upper in [false, true] {
                                let style = Strings {
                                    beyond_ascii,
                                    separators: separators && !beyond_ascii,
                                    slashes,
                                    ascii: ascii & (self.plain.ascii | self.escaped.ascii),
                                    long_controls,
                                    upper,
                                };
                                if self.tells_case(&style) && !styles.contains(&style) {
                                    styles.push(style);
                                }
                            }
                        }
                    }
                }
            }
        }
        styles
    }

    /// Returns whether the case of digits makes a difference, or is the lower one.
    fn tells_case(&self, style: &Strings) -> bool {
        let writes_escapes = style.beyond_ascii
            || style.separators
            || style.ascii != 0
            || style.long_controls
            || self.has_fixed;
        !style.upper || writes_escapes
    }

    /// Returns what happened to strings that were signed in a style and look like this now.
    pub(crate) fn changes_since(&self, style: &Strings) -> Vec<BodyChange> {
        let (plain, escaped) = (&self.plain, &self.escaped);
        let separators = style.separators || style.beyond_ascii;
        let escapes_beyond = plain.beyond_ascii && style.beyond_ascii;
        let escapes_separators = plain.separators && separators;
        let leaves_beyond = escaped.beyond_ascii && !style.beyond_ascii;
        let leaves_separators = escaped.separators && !separators;
        let changes = [
            (
                escapes_beyond || escapes_separators,
                BodyChange::SignedEscaped,
            ),
            (
                leaves_beyond || leaves_separators,
                BodyChange::SignedUnescaped,
            ),
            (
                plain.slashes && style.slashes,
                BodyChange::SignedSlashesEscaped,
            ),
            (
                escaped.slashes && !style.slashes,
                BodyChange::SignedSlashesUnescaped,
            ),
            (
                plain.ascii & style.ascii != 0,
                BodyChange::SignedAsciiEscaped,
            ),
            (
                escaped.ascii & !style.ascii != 0,
                BodyChange::SignedAsciiUnescaped,
            ),
        ];
        let changes = changes.into_iter().filter(|(happened, _)| *happened);
        let mut changes: Vec<_> = changes.map(|(_, change)| change).collect();
        if changes.is_empty() {
            changes.push(BodyChange::SignedOtherEscapes);
        }
        changes
    }
}

impl Strings {
    /// Writes what stands in a string; `push` takes the pieces.
    pub(crate) fn write(&self, string: &[u8], mut push: impl FnMut(&[u8])) {
        units(string, |unit| match unit.code {
            Some(code) => self.write_code(code, &mut push),
            None => push(unit.raw),
        });
    }

    fn write_code(&self, code: u32, push: &mut impl FnMut(&[u8])) {
        let character = char::from_u32(code);
        match (code, character) {
            (0x08, _) if !self.long_controls => push(b"\\b"),
            (0x09, _) => push(b"\\t"),
            (0x0a, _) => push(b"\\n"),
            (0x0c, _) if !self.long_controls => push(b"\\f"),
            (0x0d, _) => push(b"\\r"),
            (0x2f, _) if self.slashes => push(b"\\/"),
            (0x20..0x80, _) if self.ascii >> code & 1 == 1 => self.write_escape(code, push),
            (0x22, _) => push(b"\\\""),
            (0x5c, _) => push(b"\\\\"),
            (0x20..0x80, Some(character)) => push(character.encode_utf8(&mut [0; 4]).as_bytes()),
            (0x2028 | 0x2029, _) if self.separators => self.write_escape(code, push),
            (0x80.., Some(character)) if !self.beyond_ascii => {
                push(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            (_, Some(character)) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    self.write_escape(u32::from(*unit), push);
                }
            }
            // Half a pair can only be escaped.
            (_, None) => self.write_escape(code, push),
        }
    }

    fn write_escape(&self, unit: u32, push: &mut impl FnMut(&[u8])) {
        let digits = if self.upper {
            b"0123456789ABCDEF"
        } else {
            b"0123456789abcdef"
        };
        let digit = |shift: u32| digits[(unit >> shift & 15) as usize];
        push(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
    }
}

/// A character of a string, or half of a surrogate pair that has no other.
#[derive(Clone, Copy)]
struct Unit<'a> {
    /// `None` for bytes that are not UTF-8.
    code: Option<u32>,
    raw: &'a [u8],
}

/// Splits what stands in a string, whose opening quote is cut off, from what follows its end.
pub(crate) fn split_string(rest: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let end = rest.iter().position(|&byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    match end {
        Some(end) => (&rest[..end], &rest[end + 1..]),
        None => (rest, &[]),
    }
}

/// Reads the characters of a string.
fn units(string: &[u8], mut take: impl FnMut(Unit<'_>)) {
    let mut rest = string;
    while !rest.is_empty() {
        let (code, length) = first(rest);
        let (raw, behind) = rest.split_at(length.min(rest.len()));
        take(Unit { code, raw });
        rest = behind;
    }
}

/// Returns the first character and how many bytes it takes.
fn first(rest: &[u8]) -> (Option<u32>, usize) {
    match rest {
        [b'\\', b'u', ..] => match (escape(rest), rest.get(6..).and_then(escape)) {
            (Some(high @ 0xd800..0xdc00), Some(low @ 0xdc00..0xe000)) => {
                let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                (Some(code), 12)
            }
            (code, _) => (code, 6),
        },
        [b'\\', byte, ..] => {
            let code = match byte {
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => 0x0a,
                b'r' => 0x0d,
                b't' => 0x09,
                other => u32::from(*other),
            };
            (Some(code), 2)
        }
        [byte, ..] if byte.is_ascii() => (Some(u32::from(*byte)), 1),
        _ => beyond_ascii(rest),
    }
}

/// Reads `\u` and four digits.
fn escape(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn beyond_ascii(rest: &[u8]) -> (Option<u32>, usize) {
    let lengths = 2..=4.min(rest.len());
    let character = lengths
        .filter_map(|length| std::str::from_utf8(&rest[..length]).ok())
        .find_map(|text| text.chars().next());
    match character {
        Some(character) => (Some(u32::from(character)), character.len_utf8()),
        None => (None, 1),
    }
}

fn set(characters: &str) -> u128 {
    characters.bytes().fold(0, |set, byte| set | 1 << byte)
}

/// The ASCII characters that known programs escape: JavaScript and most others; Go, Rails and PHP
/// (`JSON_HEX_TAG`, `JSON_HEX_AMP`); .NET; Gson; Newtonsoft and PHP (`JSON_HEX_APOS`); PHP
/// (`JSON_HEX_QUOT`); PHP (`JSON_HEX_TAG`) and Mojolicious; Python, with all beyond ASCII.
const SETS: [&str; 8] = [
    "",
    "<>&",
    "<>&'\"+`\x7f",
    "<>&='",
    "<>&'",
    "<>&'\"",
    "<>",
    "\x7f",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(json: &str) -> Vec<String> {
        let styles = Found::of(json.as_bytes()).styles();
        let write = |style: &Strings| {
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
        assert_eq!(Found::of(br#"{"a":["b",1]}"#).styles().len(), 1);
        assert_eq!(Found::of(b"[1,2]").styles().len(), 1);
    }

    proptest! {
        #[test]
        fn every_style_keeps_the_text(text in "(\\PC|[a<>/&'\"\\\\\u{8}\u{2028}\u{7f}é😀]){0,12}") {
            let json = serde_json::to_string(&text).unwrap();
            let found = Found::of(json.as_bytes());
            for style in found.styles() {
                let mut bytes = b"\"".to_vec();
                style.write(&json.as_bytes()[1..json.len() - 1], |piece| bytes.extend_from_slice(piece));
                bytes.push(b'"');
                prop_assert_eq!(&serde_json::from_slice::<String>(&bytes).unwrap(), &text);
            }
        }

        #[test]
        fn nothing_that_is_no_json_is_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            for style in Found::of(&bytes).styles() {
                style.write(&bytes, |_| {});
            }
        }
    }
}
