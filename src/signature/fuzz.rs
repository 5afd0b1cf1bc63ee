//! Properties that fuzz targets and property tests share.

use http::HeaderMap;

use super::content::{Content, Filling, Part};
use super::doctor::{BodyChange, Diagnosis, diagnose};
use super::scheme::Scheme;
use super::signer::Signer;
use crate::clock::UnixTime;
use crate::id::MessageId;
use crate::secret::Secret;

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
        start += match part {
            Part::Text(text) => text.len(),
            Part::Time => count(rest.iter(), |byte| !byte.is_ascii_digit()),
            Part::Id | Part::Body => count(rest.iter(), |byte| Some(byte) == content.id_end()),
        };
    }
    for part in after[1..].iter().rev() {
        let rest = &signed[start..end];
        end -= match part {
            Part::Text(text) => text.len(),
            Part::Time => count(rest.iter().rev(), |byte| !byte.is_ascii_digit()),
            Part::Id | Part::Body => {
                count(rest.iter().rev(), |byte| Some(byte) == content.id_end())
            }
        };
    }
    assert_eq!(&signed[start..end], body, "{template:?}");
}

/// The doctor explains a line end behind a signed body, and accepts nothing in what nobody signed.
/// What it says holds nothing of the secret.
pub(crate) fn diagnosis_is_true(preset: usize, body: &[u8], headers: &HeaderMap) {
    const KEY: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const NOW: UnixTime = UnixTime::from_secs(1_750_000_000);
    let shared = |scheme: &Scheme| scheme.algorithm.key_form().is_some();
    let scheme = Scheme::presets().filter(shared).nth(preset % 10);
    let (Some(scheme), Ok(secret), Ok(id)) = (scheme, Secret::new(KEY), MessageId::new("msg_1"))
    else {
        return;
    };
    let secrets = [secret];
    for cause in diagnose(&scheme, &secrets, headers, body, NOW.into()) {
        let unsigned = matches!(cause, Diagnosis::Headers(_) | Diagnosis::Unexplained);
        assert!(unsigned, "{cause:?}");
        assert!(!cause.to_string().contains(&KEY[6..]));
    }
    let Ok(signer) = Signer::new(scheme.clone(), secrets.clone()) else {
        panic!("the secret serves every scheme with shared keys");
    };
    let mut headers = HeaderMap::new();
    signer.sign(&id, NOW, body).apply(&mut headers);
    let longer = [body, b"\n"].concat();
    let found = diagnose(&scheme, &secrets, &headers, &longer, NOW.into());
    assert_eq!(found, [Diagnosis::Body(BodyChange::LineEndAdded)]);
}

/// Returns how many bytes come before the first that `ends`.
fn count<'b>(mut bytes: impl ExactSizeIterator<Item = &'b u8>, ends: impl Fn(u8) -> bool) -> usize {
    let length = bytes.len();
    bytes.position(|byte| ends(*byte)).unwrap_or(length)
}
