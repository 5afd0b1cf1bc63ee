//! Templates of signed content.

use crate::wire::scheme::{Content, Filling, Part};

/// A template that is accepted tells every two messages apart: what was put in is found again, read
/// from both ends up to the body.
pub(crate) fn content_is_unambiguous(template: &str, body: &[u8]) {
    const TIME: &str = "1750000000";
    let Ok(content) = Content::parse(template) else {
        return;
    };
    let id: String = "msg-1.a_b:c/"
        .chars()
        .filter(|c| content.id_end() != u8::try_from(*c).ok())
        .collect();
    let filling = Filling {
        content: &content,
        id: &id,
        time: TIME,
    };
    let mut signed = Vec::new();
    filling.before_body(|piece| signed.extend_from_slice(piece));
    signed.extend_from_slice(body);
    filling.behind_body(|piece| signed.extend_from_slice(piece));

    let (mut start, mut end) = (0, signed.len());
    let parts = content.parts();
    let is_body = |part: &Part<'_>| *part == Part::Body;
    let Some(at) = parts.iter().position(is_body) else {
        panic!("{template:?} has no body");
    };
    let (before, after) = parts.split_at(at);
    for part in before {
        let rest = &signed[start..];
        let length = match part {
            Part::Text(text) => text.len(),
            Part::Time => count(rest.iter(), |byte| !byte.is_ascii_digit()),
            Part::Id | Part::Body => count(rest.iter(), |byte| Some(byte) == content.id_end()),
        };
        assert_found(*part, &rest[..length], &id, TIME);
        start += length;
    }
    for part in after[1..].iter().rev() {
        let rest = &signed[start..end];
        let length = match part {
            Part::Text(text) => text.len(),
            Part::Time => count(rest.iter().rev(), |byte| !byte.is_ascii_digit()),
            Part::Id | Part::Body => {
                count(rest.iter().rev(), |byte| Some(byte) == content.id_end())
            }
        };
        end -= length;
        assert_found(*part, &rest[rest.len() - length..], &id, TIME);
    }
    assert_eq!(&signed[start..end], body, "{template:?}");
}

fn assert_found(part: Part<'_>, found: &[u8], id: &str, time: &str) {
    let put_in = match part {
        Part::Id => id,
        Part::Time => time,
        Part::Text(text) => text,
        Part::Body => return,
    };
    assert_eq!(found, put_in.as_bytes(), "{part:?}");
}

/// Returns how many bytes come before the first that `ends`.
fn count<'b>(mut bytes: impl ExactSizeIterator<Item = &'b u8>, ends: impl Fn(u8) -> bool) -> usize {
    let length = bytes.len();
    bytes.position(|byte| ends(*byte)).unwrap_or(length)
}
