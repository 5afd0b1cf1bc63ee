//! Characters of a JSON string, escaped or not.

/// A character of a string, or a lone surrogate.
#[derive(Clone, Copy)]
pub(crate) struct StringUnit<'a> {
    /// `None` for bytes that are not UTF-8.
    pub(crate) code: Option<u32>,
    pub(crate) raw: &'a [u8],
}

/// Splits the content of a string, without its opening quote, from the text behind its end.
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

/// Passes the characters of a string to `take`.
pub(crate) fn units(string: &[u8], mut take: impl FnMut(StringUnit<'_>)) {
    let mut rest = string;
    while !rest.is_empty() {
        let (code, length) = first(rest);
        let (raw, behind) = rest.split_at(length.min(rest.len()));
        take(StringUnit { code, raw });
        rest = behind;
    }
}

/// Returns the first character and its length in bytes.
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

/// Decodes `\u` and four digits.
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
