//! Scanning of JSON (RFC 8259) that decodes nothing.
//!
//! Each function takes the position where something begins and returns the position after it, or
//! `None` for anything but JSON. White space before it is skipped.
//!
//! Our own code: the id of most messages is found with it, and serde's walk takes longer. The small
//! functions are inlined because each step needs the position that the step before returns.

/// Skips white space. Returns the next byte and its position, or `None` at the end.
#[inline(always)]
pub(super) fn token(json: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        match *json.get(at)? {
            b' ' | b'\n' | b'\t' | b'\r' => at += 1,
            token => return Some((token, at)),
        }
    }
}

/// Expects the byte `wanted`.
#[inline(always)]
pub(super) fn expect(json: &[u8], at: usize, wanted: u8) -> Option<usize> {
    let (token, at) = token(json, at)?;
    (token == wanted).then_some(at + 1)
}

/// Skips a string, and also returns the bytes between its quotes, undecoded.
#[inline(always)]
pub(super) fn string(json: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let start = expect(json, at, b'"')?;
    let mut at = start;
    loop {
        at = plain(json, at);
        match *json.get(at)? {
            b'"' => return Some((json.get(start..at)?, at + 1)),
            b'\\' => at = escape(json, at + 1)?,
            _ => return None,
        }
    }
}

/// Skips a value of any depth, without recursion.
pub(super) fn value(json: &[u8], mut at: usize) -> Option<usize> {
    let mut closers = Vec::new();
    loop {
        let (first, start) = token(json, at)?;
        at = match first {
            b'"' => string(json, start)?.1,
            b't' => literal(json, start, b"true")?,
            b'f' => literal(json, start, b"false")?,
            b'n' => literal(json, start, b"null")?,
            b'[' | b'{' => {
                // In ASCII a closer is two after its opener.
                let closer = first + 2;
                closers.push(closer);
                if token(json, start + 1)?.0 != closer {
                    at = first_value(json, start + 1, closer)?;
                    continue;
                }
                start + 1
            }
            _ => number(json, start)?,
        };
        loop {
            let Some(&closer) = closers.last() else {
                return Some(at);
            };
            let (next, start) = token(json, at)?;
            at = start + 1;
            if next == b',' {
                at = first_value(json, at, closer)?;
                break;
            }
            if next != closer {
                return None;
            }
            closers.pop();
        }
    }
}

/// Skips what stands before a value: in an object its name.
fn first_value(json: &[u8], at: usize, closer: u8) -> Option<usize> {
    if closer == b']' {
        return Some(at);
    }
    let (_, at) = string(json, at)?;
    expect(json, at, b':')
}

fn escape(json: &[u8], at: usize) -> Option<usize> {
    match *json.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => {
            let digits = json.get(at + 1..at + 5)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 5)
        }
        _ => None,
    }
}

fn literal(json: &[u8], at: usize, literal: &[u8]) -> Option<usize> {
    let is_there = json.get(at..)?.starts_with(literal);
    is_there.then_some(at + literal.len())
}

fn number(json: &[u8], at: usize) -> Option<usize> {
    let at = one_of(json, at, b"-").unwrap_or(at);
    // An integer begins with a zero only if that is all of it.
    let mut at = one_of(json, at, b"0").or_else(|| digits(json, at))?;
    if let Some(fraction) = one_of(json, at, b".") {
        at = digits(json, fraction)?;
    }
    if let Some(exponent) = one_of(json, at, b"eE") {
        at = digits(json, one_of(json, exponent, b"+-").unwrap_or(exponent))?;
    }
    Some(at)
}

fn digits(json: &[u8], at: usize) -> Option<usize> {
    let length = json
        .get(at..)?
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let length = length.count();
    (length > 0).then_some(at + length)
}

fn one_of(json: &[u8], at: usize, bytes: &[u8]) -> Option<usize> {
    bytes.contains(json.get(at)?).then_some(at + 1)
}

/// Skips everything before the next quote, backslash or control character.
#[inline(always)]
fn plain(json: &[u8], mut at: usize) -> usize {
    while let Some(word) = json.get(at..).and_then(<[u8]>::first_chunk) {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += size_of::<u64>();
    }
    while let Some(byte) = json.get(at)
        && !matches!(byte, b'"' | b'\\' | ..=0x1f)
    {
        at += 1;
    }
    at
}

/// Sets the highest bit of the first byte of `word` that is a quote, a backslash or a control
/// character, and no bit before it ("determine if a word has a byte less than n", Bit Twiddling
/// Hacks).
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const fn below(word: u64, least: u64) -> u64 {
        word.wrapping_sub(ONES * least) & !word
    }
    let quote = below(word ^ (ONES * b'"' as u64), 1);
    let backslash = below(word ^ (ONES * b'\\' as u64), 1);
    (below(word, 0x20) | quote | backslash) & (ONES << 7)
}
