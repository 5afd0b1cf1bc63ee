//! Styles of JSON strings.

#[cfg(test)]
mod tests;

use super::diagnosis::BodyChange;
use super::string_units::{StringUnit, split_string, units};

/// A style of JSON strings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct StringStyle {
    /// Whether characters beyond ASCII are escaped.
    beyond_ascii: bool,
    /// Whether U+2028 and U+2029 are escaped, where others beyond ASCII are not.
    separators: bool,
    slashes: bool,
    /// The escaped characters among printable ASCII and DEL, as a set of bits.
    ascii: u128,
    /// Whether `\u0008` and `\u000c` stand for `\b` and `\f`.
    long_controls: bool,
    /// Whether hex digits are in upper case.
    upper: bool,
}

/// The kinds of characters in the strings of a text, plain and escaped.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EscapeUsage {
    plain: CharacterKinds,
    escaped: CharacterKinds,
    /// Whether there is a `\u` that every style writes.
    has_fixed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct CharacterKinds {
    beyond_ascii: bool,
    separators: bool,
    slashes: bool,
    ascii: u128,
    /// Among the escaped: `\u0008` rather than `\b`.
    controls: bool,
}

impl EscapeUsage {
    /// Scans the strings of JSON.
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

    fn note(&mut self, unit: StringUnit<'_>) {
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
            // Every program writes `\"` and `\\` in this way.
            Some(code @ (0x22 | 0x5c)) if !is_long => self.plain.ascii |= 1 << code,
            Some(code @ 0x20..0x80) => kinds.ascii |= 1 << code,
            Some(0..0x20 | 0xd800..0xe000) => self.has_fixed = true,
            Some(_) => kinds.beyond_ascii = true,
            None => {}
        }
    }

    /// Returns the styles of known programs for these strings, without duplicates.
    pub(crate) fn styles(&self) -> Vec<StringStyle> {
        let both = |is_there: bool| &[false, true][..1 + usize::from(is_there)];
        let any = |of: fn(&CharacterKinds) -> bool| of(&self.plain) || of(&self.escaped);
        let mut styles = Vec::new();
        for &beyond_ascii in both(any(|kinds| kinds.beyond_ascii)) {
            for &slashes in both(any(|kinds| kinds.slashes)) {
                for ascii in SETS.map(set).into_iter().chain([self.escaped.ascii]) {
                    for &separators in both(any(|kinds| kinds.separators)) {
                        for &long_controls in both(any(|kinds| kinds.controls)) {
                            for upper in [false, true] {
                                let style = StringStyle {
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

    /// Returns whether the style has lower-case digits or its strings show the case.
    fn tells_case(&self, style: &StringStyle) -> bool {
        let writes_escapes = style.beyond_ascii
            || style.separators
            || style.ascii != 0
            || style.long_controls
            || self.has_fixed;
        !style.upper || writes_escapes
    }

    /// Returns the changes from strings in `style` to these strings.
    pub(crate) fn changes_since(&self, style: &StringStyle) -> Vec<BodyChange> {
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

impl StringStyle {
    /// Writes the content of a string to `push`, in chunks.
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
            // A lone surrogate needs an escape.
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

fn set(characters: &str) -> u128 {
    characters.bytes().fold(0, |set, byte| set | 1 << byte)
}

/// The escaped ASCII characters of known programs: JavaScript and most others; Go, Rails and PHP
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
