//! Detection and repair of a text's damage.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// Spaces between words are part of a secret.
pub(super) fn without_white_space(text: &str) -> Option<String> {
    let inner = text.trim_matches(is_space);
    let is_damaged = inner.len() < text.len() || inner.chars().any(|c| c != ' ' && is_space(c));
    is_damaged.then(|| {
        inner
            .chars()
            .filter(|c| *c == ' ' || !is_space(*c))
            .collect()
    })
}

/// Joiners and variation selectors have a meaning between other characters.
pub(super) fn without_invisible(text: &str) -> Option<String> {
    let joins = |c| matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}');
    let is_mark = |c| {
        matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
                | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}'
        )
    };
    let inner = text.trim_matches(|c| is_mark(c) || matches!(c, '\u{200c}' | '\u{200d}'));
    let is_damaged = inner.len() < text.len() || inner.chars().any(is_mark);
    is_damaged.then(|| {
        inner
            .chars()
            .filter(|c| joins(*c) || !is_mark(*c))
            .collect()
    })
}

/// Removes quotes at both ends, with or without a comma or semicolon behind them.
pub(super) fn unquoted(text: &str) -> Option<String> {
    let code = text.trim_end_matches([',', ';']);
    let both = QUOTES.iter().find_map(|(open, close)| {
        let inner = code.strip_prefix(open)?.strip_suffix(close)?;
        let is_one = open.len() > 1 || is_one_text(inner, open);
        is_one.then(|| inner.to_owned())
    });
    both.or_else(|| {
        // A secret in a known form neither begins nor ends with a quote.
        let inner = code.trim_matches(is_quote);
        (inner.len() < code.len() && split_prefix(inner).is_some()).then(|| inner.to_owned())
    })
}

/// Returns whether the text between two quotes is a single text: each quote inside is an apostrophe
/// or escaped.
fn is_one_text(inner: &str, quote: &str) -> bool {
    inner.match_indices(quote).all(|(at, _)| {
        let before = inner[..at].chars().next_back();
        let behind = inner[at + quote.len()..].chars().next();
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        before == Some('\\') || (is_letter(before) && is_letter(behind))
    })
}

fn is_quote(c: char) -> bool {
    QUOTES.iter().any(|(open, close)| {
        let is = |text: &str| text.chars().eq([c]);
        is(open) || is(close)
    })
}

pub(super) fn without_line_end(text: &str) -> Option<String> {
    let mut inner = text;
    while let Some(rest) = LINE_ENDS.iter().find_map(|end| inner.strip_suffix(end)) {
        inner = rest;
    }
    (inner.len() < text.len()).then(|| inner.to_owned())
}

/// Removes the name of a variable, or the text before `whsec_`.
pub(super) fn without_name(text: &str) -> Option<String> {
    let known = PREFIXES
        .iter()
        .filter_map(|prefix| text.rfind(prefix))
        .max();
    if let Some(at) = known {
        let is_own = at == 0 || text.starts_with("v1,") && at == 3;
        return (!is_own).then(|| text[at..].to_owned());
    }
    let command = COMMANDS
        .iter()
        .find_map(|command| text.strip_prefix(command));
    let line = command.or_else(|| text.strip_prefix("set "));
    let line = line.unwrap_or(text).trim_start();
    let end = line.find(|c: char| !is_of_name(c))?;
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let in_file = rest.strip_prefix('=');
    let value = in_file.or_else(|| rest.strip_prefix(": "))?.trim_start();
    // The padding of base64 is no value.
    let is_value = !value.trim_matches('=').is_empty();
    let is_variable = !name.is_empty() && (command.is_some() || is_shouted(name));
    let is_name = is_variable && in_file.is_some() || tells_secret(name);
    (is_value && is_name).then(|| value.to_owned())
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Returns whether the text looks like the name of an environment variable.
fn is_shouted(name: &str) -> bool {
    let shouted = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    name.len() >= 4 && name.chars().all(shouted) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn tells_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words = [
        "SECRET", "TOKEN", "WEBHOOK", "SIGNING", "PASSWORD", "HMAC", "_KEY",
    ];
    words.iter().any(|word| name.contains(word))
}

/// Returns the only string in a JSON object or in a member of an object.
pub(super) fn json_value(text: &str) -> Option<Option<Zeroizing<String>>> {
    let object: Zeroizing<String> = match text.chars().next()? {
        '{' => text.to_owned(),
        '"' => format!("{{{}}}", text.trim_end_matches(',')),
        _ => return None,
    }
    .into();
    let members: Map<String, Value> = serde_json::from_str(&object).ok()?;
    let mut values = members.into_iter().map(|(_, value)| value);
    Some(match (values.next(), values.next()) {
        (Some(Value::String(text)), None) => Some(Zeroizing::new(text)),
        _ => None,
    })
}

pub(super) fn is_placeholder(text: &str) -> bool {
    let between = |open: &str, close: &str| text.strip_prefix(open)?.strip_suffix(close);
    let is_variable = |name: &str| {
        is_shouted(name) || name.contains('_') && name.chars().all(is_of_name) && tells_secret(name)
    };
    let is_words = |text: &str| {
        text.len() > 2
            && text
                .chars()
                .all(|c| c.is_ascii_alphabetic() || " _-".contains(c))
    };
    TEMPLATES
        .iter()
        .any(|(open, close)| between(open, close).is_some())
        || text.strip_prefix('$').is_some_and(is_variable)
        || between("%", "%").is_some_and(is_variable)
        || between("<", ">").is_some_and(is_words)
        || REFERENCES.iter().any(|start| text.starts_with(start))
        || !text.is_empty()
            && text
                .chars()
                .all(|c| matches!(c, '*' | '•' | '●' | '…' | '.'))
}

/// Decodes a text whose percent-encoding is complete: each character is encoded exactly if an encoder
/// encodes it. A single escape may be a coincidence, except for a base64 character.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut escapes, mut of_base64) = (0, false);
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            if !is_left_by_some(byte) {
                return None;
            }
            bytes.push(byte);
            continue;
        }
        let (digits, behind) = rest.split_first_chunk::<2>()?;
        let mut decoded = [0];
        const_hex::decode_to_slice(digits, &mut decoded).ok()?;
        if is_left_by_all(decoded[0]) {
            return None;
        }
        escapes += 1;
        of_base64 |= matches!(decoded[0], b'+' | b'/' | b'=');
        bytes.push(decoded[0]);
        rest = behind;
    }
    let is_encoded = escapes > 1 || of_base64;
    String::from_utf8(bytes).ok().filter(|_| is_encoded)
}

/// Returns whether percent-encoding keeps the byte: the unreserved characters of RFC 3986.
pub(super) const fn is_left_by_all(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

/// As [`is_left_by_all`], and the other characters that JavaScript's `encodeURIComponent` keeps.
const fn is_left_by_some(byte: u8) -> bool {
    is_left_by_all(byte) || matches!(byte, b'!' | b'*' | b'\'' | b'(' | b')')
}

pub(super) fn base64_decoded(text: &str) -> Option<String> {
    let inner = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    split_prefix(&inner).is_some().then_some(inner)
}

/// Splits a known prefix from the rest of a secret.
pub(super) fn split_prefix(text: &str) -> Option<(&str, &str)> {
    let prefix = PREFIXES.iter().find(|prefix| text.starts_with(**prefix))?;
    Some(text.split_at(prefix.len()))
}

/// Shared, public and private keys of Standard Webhooks. Banata and Stripe use the first, too.
const PREFIXES: [&str; 3] = ["whsec_", "whpk_", "whsk_"];

/// Straight quotes, quotes of word processors, and quotes of source code.
pub(super) const QUOTES: [(&str, &str); 25] = [
    ("\"", "\""),
    ("'", "'"),
    ("`", "`"),
    ("“", "”"),
    ("”", "”"),
    ("“", "“"),
    ("„", "“"),
    ("„", "”"),
    ("‘", "’"),
    ("’", "’"),
    ("‚", "‘"),
    ("«", "»"),
    ("»", "«"),
    ("‹", "›"),
    ("「", "」"),
    ("＂", "＂"),
    ("´", "´"),
    ("\\\"", "\\\""),
    ("\\'", "\\'"),
    ("&quot;", "&quot;"),
    ("&#39;", "&#39;"),
    ("%22", "%22"),
    ("$'", "'"),
    ("b'", "'"),
    ("b\"", "\""),
];

/// The longest first.
const LINE_ENDS: [&str; 11] = [
    "\\\\n", "\\\\r", "\\n", "\\r", "\\u000a", "\\u000A", "\\x0a", "%0A", "%0a", "%0D", "%0d",
];

/// Commands that precede the name of a variable.
const COMMANDS: [&str; 6] = ["export ", "ENV ", "-e ", "--env ", "declare -x ", "$env:"];

/// Shells, GitHub Actions, Helm and Jinja, Ruby, ERB.
const TEMPLATES: [(&str, &str); 5] = [
    ("${", "}"),
    ("$(", ")"),
    ("{{", "}}"),
    ("#{", "}"),
    ("<%", "%>"),
];

/// References to a secret store instead of the secret.
const REFERENCES: [&str; 10] = [
    "op://",
    "vault:",
    "file://",
    "env://",
    "/run/secrets/",
    "/var/run/secrets/",
    "arn:aws:secretsmanager:",
    "arn:aws:ssm:",
    "ENC[",
    "process.env.",
];
