//! Properties of the grammars of signature headers.

use base64ct::{Base64, Encoding as _};

use crate::wire::scheme::SignatureEncoding;
use crate::wire::scheme::{Fault, Grammar, Parsed};

/// Parsing agrees with a slow reference reader, decoding of signatures agrees with other code, and the
/// result survives writing and parsing.
pub(crate) fn header_is_read_as_told(grammar: Grammar, encoding: SignatureEncoding, value: &str) {
    let parsed = grammar.parse(value);
    let read = parsed.as_ref().map_err(|fault| *fault);
    let read = read.map(|parsed| (parsed.time, parsed.signatures().to_vec()));
    assert_eq!(read, slowly(grammar, value), "{grammar:?} on {value:?}");
    if let Ok(parsed) = parsed {
        for text in parsed.signatures() {
            let read = encoding.decode::<32>(text);
            assert_eq!(read, decoded(encoding, text), "{text:?}");
        }
        survives(grammar, encoding, &parsed);
    }
}

/// Returns the time and the signatures. Collects every part before the checks.
fn slowly(grammar: Grammar, value: &str) -> Result<(Option<&str>, Vec<&str>), Fault> {
    let is_clean = |part: &&str| part.bytes().all(|byte| byte.is_ascii_graphic());
    let separator = match grammar {
        Grammar::Single { prefix } => {
            let signature = value.strip_prefix(prefix).filter(|text| !text.is_empty());
            let clean = is_clean(&value)
                .then_some(signature)
                .ok_or(Fault::Character)?;
            return Ok((None, vec![clean.ok_or(Fault::NoSignature)?]));
        }
        Grammar::List { .. } => ' ',
        Grammar::Fields { .. } => ',',
    };
    let mut parts: Vec<&str> = value.split(separator).collect();
    if let Grammar::Fields { spaced: true, .. } = grammar {
        take_spaces_off(&mut parts)?;
    }
    if !parts.iter().all(is_clean) {
        return Err(Fault::Character);
    }
    let (times, signatures) = match grammar {
        Grammar::Fields {
            version,
            bare_version,
            ..
        } => fields(version, bare_version, &parts),
        Grammar::List { version } | Grammar::Single { prefix: version } => {
            let items = parts.iter().filter_map(|part| part.split_once(','));
            let of_version = items.filter(|(name, _)| *name == version);
            (None, of_version.map(|(_, text)| text).collect())
        }
    };
    let time = match times.as_deref() {
        None => None,
        Some([time]) => Some(*time),
        Some(_) => return Err(Fault::NotOneTime),
    };
    match signatures.len() {
        0 => Err(Fault::NoSignature),
        1..=8 => Ok((time, signatures)),
        _ => Err(Fault::TooManySignatures),
    }
}

/// Returns whether a space precedes every part except the first, and except an empty last one.
fn take_spaces_off(parts: &mut [&str]) -> Result<(), Fault> {
    let last = parts.len() - 1;
    for (index, part) in parts.iter_mut().enumerate().skip(1) {
        if index < last || !part.is_empty() {
            *part = part.strip_prefix(' ').ok_or(Fault::Character)?;
        }
    }
    Ok(())
}

type Found<'v> = (Option<Vec<&'v str>>, Vec<&'v str>);

fn fields<'v>(version: &str, bare_version: bool, parts: &[&'v str]) -> Found<'v> {
    let (mut times, mut signatures) = (vec![], vec![]);
    let mut index = 0;
    while let Some(part) = parts.get(index) {
        index += 1;
        match part.split_once('=') {
            Some(("t", time)) => times.push(time),
            Some((name, text)) if name == version => signatures.push(text),
            None if bare_version && *part == version => {
                signatures.push(parts.get(index).copied().unwrap_or_default());
                index += 1;
            }
            _ => {}
        }
    }
    (Some(times), signatures)
}

/// Returns the bytes of a signature if its text is the canonical encoding.
fn decoded(encoding: SignatureEncoding, text: &str) -> Option<[u8; 32]> {
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let bytes = match encoding {
        SignatureEncoding::LowerHex if !is_lower => return None,
        SignatureEncoding::LowerHex | SignatureEncoding::AnyHex if text.len() != 64 => return None,
        SignatureEncoding::LowerHex | SignatureEncoding::AnyHex => hex(text)?,
        SignatureEncoding::Base64 => Base64::decode_vec(text).ok()?,
    };
    bytes.try_into().ok()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| u8::try_from(digit.to_digit(16)?).ok())
        .collect();
    Some(
        digits?
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}

fn survives(grammar: Grammar, encoding: SignatureEncoding, parsed: &Parsed<'_>) {
    let decode = |text: &&str| encoding.decode::<32>(text);
    let bytes: Vec<_> = parsed.signatures().iter().filter_map(decode).collect();
    let time = parsed.time.unwrap_or("1");
    let texts: Vec<_> = bytes.iter().map(|bytes| encoding.encode(bytes)).collect();
    let written = grammar.write(time, &texts);
    match grammar.parse(&written) {
        Ok(again) => {
            assert!(again.signatures().iter().filter_map(decode).eq(bytes));
            assert_eq!(again.time, parsed.time);
        }
        // No signature decoded, so none was written.
        Err(_) => assert!(bytes.is_empty(), "{written:?} does not parse"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Parts of headers, similar to valid ones.
    fn parts() -> impl Strategy<Value = Vec<String>> {
        let part = prop_oneof![
            3 => "[0-9a-f]{64}".prop_map(|mac| format!("v1={mac}")),
            2 => "[0-9]{0,16}".prop_map(|time| format!("t={time}")),
            2 => "(t=1|v1=aa|v1,aa|v1|v0=aa|t=|v1=|v1,|=)",
            1 => "v[0-9a]?[=,]?[0-9a-fA-F]{62,66}",
            1 => "[ -~]{0,6}",
        ];
        prop::collection::vec(part, 0..12)
    }

    proptest! {
        #[test]
        fn a_header_is_read_as_told(parts in parts(), separator in "(,|, | |,,)") {
            let value = parts.join(&separator);
            let fields = |bare_version, spaced| Grammar::Fields {
                version: "v1",
                bare_version,
                spaced,
            };
            for grammar in [
                fields(false, false),
                fields(true, false),
                fields(false, true),
                Grammar::List { version: "v1" },
                Grammar::Single { prefix: "v1=" },
            ] {
                header_is_read_as_told(grammar, SignatureEncoding::LowerHex, &value);
            }
        }

        #[test]
        fn a_signature_is_decoded_as_told(
            text in "([0-9a-fA-F+/]{43}=|[0-9a-fA-F+/=]{43,45}|[0-9a-fx]{63,65}|[0-9a-fA-F]{64})",
        ) {
            for encoding in [
                SignatureEncoding::LowerHex,
                SignatureEncoding::AnyHex,
                SignatureEncoding::Base64,
            ] {
                header_is_read_as_told(Grammar::Single { prefix: "" }, encoding, &text);
            }
        }
    }
}
