//! Secrets that anybody can guess: placeholders of documentation, and one character repeated.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

/// Returns whether the text, behind its prefix, is a placeholder from documentation, one character
/// repeated, or the base64 of a placeholder or of one byte repeated.
///
/// Ignores letter case and word separators: `Change_Me` equals `changeme`.
pub(super) fn is_guessable(text: &str) -> bool {
    let rest = without_prefix(text);
    is_repeated_character(rest) || is_base64_of_guessable(rest) || is_from_documentation(rest)
}

fn without_prefix(text: &str) -> &str {
    let versioned = strip_prefix_ignoring_case(text, "v1,").unwrap_or(text);
    PREFIXES
        .iter()
        .find_map(|prefix| strip_prefix_ignoring_case(versioned, prefix))
        .unwrap_or(text)
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The padding of base64 does not count as a second character.
fn is_repeated_character(text: &str) -> bool {
    let is_repeated = |text: &str| {
        let mut chars = text.chars();
        let first = chars.next();
        first.is_some_and(|first| chars.all(|c| c.eq_ignore_ascii_case(&first)))
    };
    is_repeated(text) || is_repeated(text.trim_end_matches('='))
}

fn is_base64_of_guessable(text: &str) -> bool {
    let Ok(key) = STANDARD_NO_PAD.decode(text.trim_end_matches('=')) else {
        return false;
    };
    let key = Zeroizing::new(key);
    let is_repeated = key.windows(2).all(|pair| pair[0] == pair[1]);
    let is_placeholder = std::str::from_utf8(&key).is_ok_and(is_from_documentation);
    is_placeholder || (key.len() >= MIN_REPEATED_BYTES && is_repeated)
}

fn is_from_documentation(text: &str) -> bool {
    let mut letters = Zeroizing::new(String::with_capacity(text.len()));
    let is_separator = |c: &char| matches!(c, '-' | '_' | '.' | ' ');
    letters.extend(
        text.chars()
            .filter(|c| !is_separator(c))
            .map(|c| c.to_ascii_lowercase()),
    );
    let word = without_count(&letters);
    PLACEHOLDERS.iter().any(|placeholder| {
        let rest = word.trim_start_matches(placeholder);
        *letters == *placeholder || (rest.is_empty() && !word.is_empty())
    })
}

/// Cuts off `1`, `12`, `123` and so on, which lengthen a placeholder.
fn without_count(text: &str) -> &str {
    let word = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &text[word.len()..];
    let counted = "1234567890".bytes().cycle().take(digits.len());
    if counted.eq(digits.bytes()) {
        word
    } else {
        text
    }
}

const PREFIXES: [&str; 3] = ["whsec_", "whpk_", "whsk_"];

/// One or two equal bytes may be a coincidence.
const MIN_REPEATED_BYTES: usize = 3;

/// Letters and digits of each placeholder, in lower case. The first two are those of the
/// better-auth-sync page; the two `betterauthsecret…` are default secrets of Better Auth.
const PLACEHOLDERS: [&str; 41] = [
    "replacewithalongrandomsecret",
    "yourwebhooksecretplaceholder",
    "betterauthsecret123456789",
    "betterauthsecret12345678901234567890",
    "changeit",
    "changeme",
    "changemeinproduction",
    "changemeplease",
    "changemetoalongrandomsecret",
    "changemetoarandomsecret",
    "changethis",
    "changethisinproduction",
    "changethissecret",
    "changethistoalongrandomsecret",
    "changethistoarandomsecret",
    "examplesecret",
    "insertyoursecrethere",
    "mysecret",
    "mywebhooksecret",
    "placeholder",
    "replaceme",
    "replacemewithalongrandomsecret",
    "replacemewitharandomsecret",
    "replacethis",
    "replacewithyoursecret",
    "replacewithyourwebhooksecret",
    "secret",
    "secrethere",
    "supersecret",
    "webhooksecret",
    "yoursecret",
    "yoursecrethere",
    "yoursecretkey",
    "yoursecretkeyhere",
    "yoursigningsecret",
    "yoursigningsecrethere",
    "yourwebhooksecret",
    "yourwebhooksecrethere",
    "yourwebhooksigningsecret",
    "yourwebhooksigningsecrethere",
    "yourwebhooksecretkey",
];
