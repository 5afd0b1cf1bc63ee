//! Grammar of a signature header: parsing without allocation, and writing.

use std::str::Split;

/// Arrangement of time and signatures in the header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Grammar {
    /// `t=<time>,<version>=<signature>[,…]` in any order. `bare_version` also accepts
    /// `<version>,<signature>`. `spaced` requires one space behind each comma; otherwise there is no
    /// white space.
    Fields {
        version: &'static str,
        bare_version: bool,
        spaced: bool,
    },
    /// `<version>,<signature>[ …]`; the time, if any, has its own header.
    List { version: &'static str },
    /// A single `<prefix><signature>`.
    Single { prefix: &'static str },
}

/// A parsed header value.
#[derive(Default)]
pub(crate) struct Parsed<'h> {
    /// `None` if the grammar has no time.
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

    /// Returns the texts of the signatures of the grammar's version.
    pub(crate) fn signatures(&self) -> &[&'h str] {
        &self.texts[..self.count]
    }
}

/// A fault in a header value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    Character,
    NotOneTime,
    NoSignature,
    TooManySignatures,
}

impl Grammar {
    /// Parses a value without outer white space.
    ///
    /// Checks that a signature exists, and does not decode it.
    pub(crate) fn parse(self, value: &str) -> Result<Parsed<'_>, Fault> {
        match self.shape() {
            Ok(shape) => shape.parse(value),
            Err(prefix) => single(prefix, value),
        }
    }

    /// Returns whether the value contains the time.
    pub(crate) const fn has_time(self) -> bool {
        matches!(self, Self::Fields { .. })
    }

    /// Returns the version or the prefix.
    pub(crate) const fn mark(self) -> &'static str {
        match self {
            Self::Fields { version, .. } | Self::List { version } => version,
            Self::Single { prefix } => prefix,
        }
    }

    /// Returns the shape of a list, or the prefix of a single signature.
    const fn shape(self) -> Result<Shape, &'static str> {
        match self {
            Self::Fields {
                version,
                bare_version,
                spaced,
            } => Ok(Shape {
                version,
                separator: b',',
                assign: '=',
                has_time: true,
                bare_version,
                spaced,
            }),
            Self::List { version } => Ok(Shape {
                version,
                separator: b' ',
                assign: ',',
                has_time: false,
                bare_version: false,
                spaced: false,
            }),
            Self::Single { prefix } => Err(prefix),
        }
    }

    /// Writes a value that [`parse`](Self::parse) accepts. If only one signature fits, the others are
    /// left out.
    pub(crate) fn write(self, time: &str, signatures: &[String]) -> String {
        match self {
            Self::Fields {
                version, spaced, ..
            } => {
                let comma = if spaced { ", " } else { "," };
                signatures
                    .iter()
                    .fold(format!("t={time}"), |text, signature| {
                        text + comma + version + "=" + signature
                    })
            }
            Self::List { version } => {
                let signed = |signature: &String| [version, signature].join(",");
                signatures.iter().map(signed).collect::<Vec<_>>().join(" ")
            }
            Self::Single { prefix } => signatures
                .first()
                .map_or_else(String::new, |signature| [prefix, signature].concat()),
        }
    }
}

fn single<'h>(prefix: &str, value: &'h str) -> Result<Parsed<'h>, Fault> {
    if !every(value, |byte| byte.is_ascii_graphic()) {
        return Err(Fault::Character);
    }
    let mut parsed = Parsed::default();
    match value.strip_prefix(prefix) {
        Some("") | None => Err(Fault::NoSignature),
        Some(text) => {
            parsed.push(text);
            Ok(parsed)
        }
    }
}

/// The details of a grammar for lists.
#[derive(Clone, Copy)]
struct Shape {
    version: &'static str,
    /// Between two items.
    separator: u8,
    /// Between an item's name and its text.
    assign: char,
    has_time: bool,
    bare_version: bool,
    /// One space follows each separator.
    spaced: bool,
}

impl Shape {
    fn parse(self, value: &str) -> Result<Parsed<'_>, Fault> {
        let Self {
            separator, spaced, ..
        } = self;
        let legal = every(value, |byte| {
            byte.is_ascii_graphic() || byte == separator || (spaced && byte == b' ')
        });
        if !legal || (spaced && !is_spaced(value, separator)) {
            return Err(Fault::Character);
        }
        let mut parsed = Parsed::default();
        for (name, text) in self.items(value) {
            if name == self.version {
                parsed.push(text);
            } else if self.has_time && name == "t" && parsed.time.replace(text).is_some() {
                return Err(Fault::NotOneTime);
            }
        }
        match parsed.count {
            _ if self.has_time && parsed.time.is_none() => Err(Fault::NotOneTime),
            0 => Err(Fault::NoSignature),
            1..=MAX_SIGNATURES => Ok(parsed),
            _ => Err(Fault::TooManySignatures),
        }
    }

    fn items(self, value: &str) -> Items<'_> {
        Items {
            parts: value.split(char::from(self.separator)),
            shape: self,
        }
    }
}

/// Returns whether a space follows each separator, except at the end, and stands nowhere else.
fn is_spaced(value: &str, separator: u8) -> bool {
    let mut pairs = value.as_bytes().windows(2);
    !value.starts_with(' ') && pairs.all(|pair| (pair[0] == separator) == (pair[1] == b' '))
}

/// The named texts of a value. Texts without a name are skipped.
struct Items<'h> {
    parts: Split<'h, char>,
    shape: Shape,
}

impl<'h> Iterator for Items<'h> {
    type Item = (&'h str, &'h str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let part = self.parts.next()?;
            // `is_spaced` refused every other space.
            let part = part.strip_prefix(' ').unwrap_or(part);
            if let Some(item) = part.split_once(self.shape.assign) {
                return Some(item);
            }
            if self.shape.bare_version && part == self.shape.version {
                return Some((part, self.parts.next().unwrap_or_default()));
            }
        }
    }
}

/// Returns whether all bytes pass. Visits every byte, which compiles to vector code.
pub(crate) fn every(text: &str, passes: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & passes(byte))
}

/// Enough for a rotation with several receivers' keys; limits the comparisons.
const MAX_SIGNATURES: usize = 8;
