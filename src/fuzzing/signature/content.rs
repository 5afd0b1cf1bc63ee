//! Templates of signed content.

use crate::wire::scheme::{Rendered, Segment, Template};

/// An accepted template distinguishes every two messages: parsing from both ends to the body yields the
/// original values.
pub(crate) fn content_is_unambiguous(template: &str, body: &[u8]) {
    const TIME: &str = "1750000000";
    let Ok(content) = Template::parse(template) else {
        return;
    };
    let id: String = "msg-1.a_b:c/"
        .chars()
        .filter(|c| content.id_end() != u8::try_from(*c).ok())
        .collect();
    let rendered = Rendered {
        template: &content,
        id: &id,
        time: TIME,
    };
    let mut signed = Vec::new();
    rendered.before_body(|chunk| signed.extend_from_slice(chunk));
    signed.extend_from_slice(body);
    rendered.behind_body(|chunk| signed.extend_from_slice(chunk));

    let (mut start, mut end) = (0, signed.len());
    let parts = content.segments();
    let is_body = |part: &Segment<'_>| *part == Segment::Body;
    let Some(at) = parts.iter().position(is_body) else {
        panic!("{template:?} has no body");
    };
    let (before, after) = parts.split_at(at);
    for part in before {
        let rest = &signed[start..];
        let length = match part {
            Segment::Text(text) => text.len(),
            Segment::Time => count(rest.iter(), |byte| !byte.is_ascii_digit()),
            Segment::Id | Segment::Body => {
                count(rest.iter(), |byte| Some(byte) == content.id_end())
            }
        };
        assert_found(*part, &rest[..length], &id, TIME);
        start += length;
    }
    for part in after[1..].iter().rev() {
        let rest = &signed[start..end];
        let length = match part {
            Segment::Text(text) => text.len(),
            Segment::Time => count(rest.iter().rev(), |byte| !byte.is_ascii_digit()),
            Segment::Id | Segment::Body => {
                count(rest.iter().rev(), |byte| Some(byte) == content.id_end())
            }
        };
        end -= length;
        assert_found(*part, &rest[rest.len() - length..], &id, TIME);
    }
    assert_eq!(&signed[start..end], body, "{template:?}");
}

fn assert_found(part: Segment<'_>, found: &[u8], id: &str, time: &str) {
    let put_in = match part {
        Segment::Id => id,
        Segment::Time => time,
        Segment::Text(text) => text,
        Segment::Body => return,
    };
    assert_eq!(found, put_in.as_bytes(), "{part:?}");
}

/// Returns how many bytes come before the first that `ends`.
fn count<'b>(mut bytes: impl ExactSizeIterator<Item = &'b u8>, ends: impl Fn(u8) -> bool) -> usize {
    let length = bytes.len();
    bytes.position(|byte| ends(*byte)).unwrap_or(length)
}
