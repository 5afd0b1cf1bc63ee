//! The value of a signature header: reading it without allocating, and writing it.

use base64ct::{Base64, Encoding as _};
use subtle::{Choice, ConstantTimeEq};

use super::key::Mac;

/// How times and signatures stand in the header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Grammar {
    /// `t=<time>,<version>=<mac>[,…]` in any order, without white space. `bare_version`:
    /// `<version>,<mac>` is read too.
    Fields {
        version: &'static str,
        bare_version: bool,
    },
    /// `<version>,<mac>[ …]`; the time has a header of its own.
    List { version: &'static str },
}

/// How the bytes of a MAC are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Encoding {
    /// 64 digits; upper case is refused, as by every package that compares text.
    LowerHex,
    /// 44 characters of the standard alphabet with padding, trailing bits zero.
    Base64,
}

/// What a header's value says.
#[derive(Debug)]
pub(crate) struct Parsed<'h> {
    /// `None` where the grammar has no time in it.
    pub(crate) time: Option<&'h str>,
    pub(crate) candidates: Candidates,
}

/// What is wrong with a header's value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    Character,
    NotOneTime,
    NoSignature,
    TooManySignatures,
}

impl Grammar {
    /// Reads a value, outer white space taken off.
    pub(crate) fn parse(self, value: &str, encoding: Encoding) -> Result<Parsed<'_>, Fault> {
        let parsed = match self {
            Self::Fields {
                version,
                bare_version,
            } => fields(value, version, bare_version, encoding),
            Self::List { version } => list(value, version, encoding),
        }?;
        if parsed.candidates.seen == 0 {
            return Err(Fault::NoSignature);
        }
        Ok(parsed)
    }

    /// Writes a value that [`parse`](Self::parse) reads.
    pub(crate) fn write(self, time: &str, macs: &[Mac], encoding: Encoding) -> String {
        match self {
            Self::Fields { version, .. } => macs.iter().fold(format!("t={time}"), |text, mac| {
                text + "," + version + "=" + &encoding.encode(mac)
            }),
            Self::List { version } => {
                let signed = |mac| [version, &encoding.encode(mac)].join(",");
                macs.iter().map(signed).collect::<Vec<_>>().join(" ")
            }
        }
    }
}

fn fields<'h>(
    value: &'h str,
    version: &str,
    bare_version: bool,
    encoding: Encoding,
) -> Result<Parsed<'h>, Fault> {
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Fault::Character);
    }
    let mut time = None;
    let mut candidates = Candidates::default();
    let mut parts = value.split(',');
    while let Some(part) = parts.next() {
        match part.split_once('=') {
            Some(("t", text)) if time.replace(text).is_some() => return Err(Fault::NotOneTime),
            Some((name, mac)) if name == version => candidates.push(mac, encoding)?,
            None if bare_version && part == version => {
                candidates.push(parts.next().unwrap_or_default(), encoding)?;
            }
            _ => {}
        }
    }
    match time {
        None => Err(Fault::NotOneTime),
        time => Ok(Parsed { time, candidates }),
    }
}

fn list<'h>(value: &str, version: &str, encoding: Encoding) -> Result<Parsed<'h>, Fault> {
    if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(Fault::Character);
    }
    let mut candidates = Candidates::default();
    for item in value.split(' ') {
        match item.split_once(',') {
            Some((name, mac)) if name == version => candidates.push(mac, encoding)?,
            _ => {}
        }
    }
    Ok(Parsed {
        time: None,
        candidates,
    })
}

impl Encoding {
    /// Returns the MAC, if `text` is exactly one.
    pub(crate) fn decode(self, text: &str) -> Option<Mac> {
        let mut mac = Mac::default();
        match self {
            Self::LowerHex => {
                let digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                if text.len() != 2 * mac.len() || !text.bytes().all(digit) {
                    return None;
                }
                const_hex::decode_to_slice(text, &mut mac).ok()?;
            }
            Self::Base64 => {
                let decoded = Base64::decode(text, &mut mac).ok()?;
                if decoded.len() != Mac::default().len() {
                    return None;
                }
            }
        }
        Some(mac)
    }

    fn encode(self, mac: &Mac) -> String {
        match self {
            Self::LowerHex => const_hex::encode(mac),
            Self::Base64 => Base64::encode_string(mac),
        }
    }
}

/// The signatures that a request offers.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    macs: [Mac; MAX_CANDIDATES],
    decoded: usize,
    seen: usize,
}

impl Candidates {
    /// What does not decode can match nothing, but it counts.
    fn push(&mut self, text: &str, encoding: Encoding) -> Result<(), Fault> {
        self.seen += 1;
        if self.seen > MAX_CANDIDATES {
            return Err(Fault::TooManySignatures);
        }
        if let Some(mac) = encoding.decode(text) {
            self.macs[self.decoded] = mac;
            self.decoded += 1;
        }
        Ok(())
    }

    pub(crate) fn macs(&self) -> &[Mac] {
        &self.macs[..self.decoded]
    }

    /// Returns whether `mac` is among them; looks at every one.
    pub(crate) fn contain(&self, mac: &Mac) -> Choice {
        self.macs()
            .iter()
            .fold(Choice::from(0), |found, candidate| {
                found | candidate.ct_eq(mac)
            })
    }
}

/// Enough for a rotation with several receivers' keys; bounds the comparisons.
const MAX_CANDIDATES: usize = 8;
