//! The value of a signature header: reading it without allocating, and writing it.

use std::str::Split;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
#[derive(Default)]
pub(crate) struct Parsed<'h> {
    /// `None` where the grammar has no time in it.
    pub(crate) time: Option<&'h str>,
    texts: [&'h str; MAX_SIGNATURES],
    count: usize,
}

impl<'h> Parsed<'h> {
    fn push(&mut self, text: &'h str) {
        if let Some(free) = self.texts.get_mut(self.count) {
            *free = text;
        }
        self.count += 1;
    }

    /// Returns the texts of the signatures of the version that is read.
    pub(crate) fn signatures(&self) -> &[&'h str] {
        &self.texts[..self.count]
    }

    /// Returns whether one of the signatures is `mac`; looks at every one.
    pub(crate) fn contains(&self, encoding: Encoding, mac: &Mac) -> Choice {
        let mac = words(mac);
        self.signatures()
            .iter()
            // What is not exactly one MAC is equal to none.
            .filter_map(|text| encoding.decode(text))
            .map(|signature| words(&signature).ct_eq(&mac))
            .fold(Choice::from(0), |found, equal| found | equal)
    }
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
    ///
    /// That a signature is there is all that is said of it.
    pub(crate) fn parse(self, value: &str) -> Result<Parsed<'_>, Fault> {
        let Shape {
            version,
            separator,
            has_time,
            ..
        } = self.shape();
        if !every(value, |byte| byte.is_ascii_graphic() || byte == separator) {
            return Err(Fault::Character);
        }
        let mut parsed = Parsed::default();
        for (name, text) in self.items(value) {
            if name == version {
                parsed.push(text);
            } else if has_time && name == "t" && parsed.time.replace(text).is_some() {
                return Err(Fault::NotOneTime);
            }
        }
        match parsed.count {
            _ if has_time && parsed.time.is_none() => Err(Fault::NotOneTime),
            0 => Err(Fault::NoSignature),
            1..=MAX_SIGNATURES => Ok(parsed),
            _ => Err(Fault::TooManySignatures),
        }
    }

    fn items(self, value: &str) -> Items<'_> {
        let shape = self.shape();
        Items {
            parts: value.split(char::from(shape.separator)),
            shape,
        }
    }

    const fn shape(self) -> Shape {
        match self {
            Self::Fields {
                version,
                bare_version,
            } => Shape {
                version,
                separator: b',',
                assign: '=',
                has_time: true,
                bare_version,
            },
            Self::List { version } => Shape {
                version,
                separator: b' ',
                assign: ',',
                has_time: false,
                bare_version: false,
            },
        }
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

/// A grammar's details.
#[derive(Clone, Copy)]
struct Shape {
    version: &'static str,
    /// Between two items.
    separator: u8,
    /// Between an item's name and its text.
    assign: char,
    has_time: bool,
    bare_version: bool,
}

/// The named texts of a value; what has no name is passed over.
struct Items<'h> {
    parts: Split<'h, char>,
    shape: Shape,
}

impl<'h> Iterator for Items<'h> {
    type Item = (&'h str, &'h str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let part = self.parts.next()?;
            if let Some(item) = part.split_once(self.shape.assign) {
                return Some(item);
            }
            if self.shape.bare_version && part == self.shape.version {
                return Some((part, self.parts.next().unwrap_or_default()));
            }
        }
    }
}

impl Encoding {
    /// Returns the MAC, if `text` is exactly one.
    pub(crate) fn decode(self, text: &str) -> Option<Mac> {
        match self {
            Self::LowerHex => hex(text),
            Self::Base64 => base64(text),
        }
    }

    fn encode(self, mac: &Mac) -> String {
        match self {
            Self::LowerHex => const_hex::encode(mac),
            Self::Base64 => STANDARD.encode(mac),
        }
    }
}

fn hex(text: &str) -> Option<Mac> {
    let mut mac = Mac::default();
    let digits = every(text, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !digits || text.len() != 2 * mac.len() {
        return None;
    }
    const_hex::decode_to_slice(text, &mut mac).ok()?;
    Some(mac)
}

/// What a stranger sends is no secret: decoding it need not take constant time, and it takes four
/// times as long with `base64ct`.
fn base64(text: &str) -> Option<Mac> {
    // One byte more than a MAC has: the decoder asks for whole groups of three.
    let mut bytes = [0; 33];
    let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
    bytes.get(..length)?.try_into().ok()
}

/// Returns whether all bytes pass. Looks at each of them, because that becomes vector code.
pub(super) fn every(text: &str, passes: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & passes(byte))
}

/// Comparing by words is six times as fast as by bytes.
fn words(mac: &Mac) -> [u64; 4] {
    let (words, _none) = mac.as_chunks();
    std::array::from_fn(|index| u64::from_ne_bytes(words[index]))
}

/// Enough for a rotation with several receivers' keys; bounds the comparisons.
const MAX_SIGNATURES: usize = 8;
