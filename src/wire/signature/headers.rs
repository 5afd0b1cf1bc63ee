//! Finding the scheme's headers in a request, and reading those beside the signature.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::verify_error::VerifyError;
use crate::base::clock::UnixMillis;
use crate::wire::scheme::TimeUnit;
use crate::wire::scheme::{Fault, Parsed, every};
use crate::wire::scheme::{HeaderNames, IdSource, Scheme};

/// A [`HeaderNames`] whose names are parsed once.
pub(crate) struct Names {
    id: Option<HeaderName>,
    timestamp: Option<HeaderName>,
    signature: HeaderName,
}

/// The headers of a family in one request.
#[derive(Default)]
struct Found<'h> {
    id: Slot<'h>,
    timestamp: Slot<'h>,
    signature: Slot<'h>,
}

/// One header of a request.
#[derive(Default)]
struct Slot<'h> {
    value: Option<&'h HeaderValue>,
    repeated: bool,
}

/// What the headers of a request say; nothing of it is judged but its form.
pub(crate) struct Read<'h> {
    pub(crate) id: Option<&'h str>,
    /// As it was signed, and its value.
    pub(crate) time: Option<(&'h str, UnixMillis)>,
    pub(crate) parsed: Parsed<'h>,
}

/// Reads the headers of the first of `families` whose signature header is there.
pub(crate) fn read<'h>(
    scheme: &Scheme,
    families: &[Names],
    headers: &'h HeaderMap,
) -> Result<Read<'h>, VerifyError> {
    for names in families {
        let found = names.find(headers);
        match found.signature.text(&names.signature)? {
            Some("") => return Err(missing(&names.signature)),
            Some(value) => return names.read(&found, value, scheme),
            None => {}
        }
    }
    Err(missing(&families[0].signature))
}

impl Names {
    pub(crate) fn of(family: &HeaderNames) -> Self {
        Self {
            id: family.id.map(name),
            timestamp: family.timestamp.map(name),
            signature: name(family.signature),
        }
    }

    fn read<'h>(
        &self,
        found: &Found<'h>,
        value: &'h str,
        scheme: &Scheme,
    ) -> Result<Read<'h>, VerifyError> {
        let id = self.id(found, scheme)?;
        let stamp = self.stamp(found)?;
        let parsed = scheme.grammar.parse(value);
        let parsed = parsed.map_err(|fault| self.refuse(fault))?;
        let time = self.time(parsed.time, stamp, scheme.unit)?;
        Ok(Read { id, time, parsed })
    }

    /// Looks through all headers once: a request has few, and to compare their names costs less
    /// than to hash three.
    fn find<'h>(&self, headers: &'h HeaderMap) -> Found<'h> {
        let mut found = Found::default();
        for (name, value) in headers {
            if *name == self.signature {
                found.signature.put(value);
            } else if Some(name) == self.id.as_ref() {
                found.id.put(value);
            } else if Some(name) == self.timestamp.as_ref() {
                found.timestamp.put(value);
            }
        }
        found
    }

    fn id<'h>(&self, found: &Found<'h>, scheme: &Scheme) -> Result<Option<&'h str>, VerifyError> {
        let Some(name) = &self.id else {
            return Ok(None);
        };
        let signed = scheme.id_source == IdSource::SignedHeader;
        match found.id.text(name)? {
            None | Some("") if signed => Err(missing(name)),
            None => Ok(None),
            Some(id) if is_id(id, scheme.content.id_end()) => Ok(Some(id)),
            Some(_) => Err(VerifyError::BadId {
                header: name.clone(),
            }),
        }
    }

    /// Returns the value of the timestamp header, where the family has one.
    fn stamp<'h>(&self, found: &Found<'h>) -> Result<Option<&'h str>, VerifyError> {
        match &self.timestamp {
            Some(name) => found.timestamp.text(name),
            None => Ok(None),
        }
    }

    /// Returns the time as it was signed, and its value; `None` where the scheme has no time.
    fn time<'h>(
        &self,
        signed: Option<&'h str>,
        stamp: Option<&'h str>,
        unit: TimeUnit,
    ) -> Result<Option<(&'h str, UnixMillis)>, VerifyError> {
        let (text, source) = match (signed, stamp, &self.timestamp) {
            (Some(time), ..) => (time, &self.signature),
            (None, _, None) => return Ok(None),
            (None, Some(time), Some(header)) if !time.is_empty() => (time, header),
            (None, _, Some(header)) => return Err(missing(header)),
        };
        let time = unit.parse(text).ok_or_else(|| VerifyError::BadTime {
            header: source.clone(),
        })?;
        if stamp.is_some_and(|stamp| stamp != text) {
            let header = self.timestamp.as_ref().unwrap_or(&self.signature);
            return Err(VerifyError::TimesDiffer {
                header: header.clone(),
            });
        }
        Ok(Some((text, time)))
    }

    fn refuse(&self, fault: Fault) -> VerifyError {
        let header = self.signature.clone();
        match fault {
            Fault::Character => VerifyError::BadCharacter { header },
            Fault::NotOneTime => VerifyError::NotOneTime { header },
            Fault::NoSignature => VerifyError::NoSignature { header },
            Fault::TooManySignatures => VerifyError::TooManySignatures { header },
        }
    }
}

impl<'h> Slot<'h> {
    fn put(&mut self, value: &'h HeaderValue) {
        self.repeated = self.value.replace(value).is_some();
    }

    /// Returns the value without outer white space, if the header is there.
    fn text(&self, name: &HeaderName) -> Result<Option<&'h str>, VerifyError> {
        let Some(value) = self.value else {
            return Ok(None);
        };
        let header = || name.clone();
        if self.repeated {
            return Err(VerifyError::Repeated { header: header() });
        }
        if value.len() > MAX_HEADER_LEN {
            return Err(VerifyError::TooLong { header: header() });
        }
        match value.to_str() {
            Ok(text) => Ok(Some(text.trim_ascii())),
            Err(_) => Err(VerifyError::BadCharacter { header: header() }),
        }
    }
}

fn missing(header: &HeaderName) -> VerifyError {
    VerifyError::Missing {
        header: header.clone(),
    }
}

/// With the byte in it that ends a signed id, an id could be read as another id, time and body.
fn is_id(text: &str, end: Option<u8>) -> bool {
    (1..=MAX_ID_LEN).contains(&text.len())
        && every(text, |byte| byte.is_ascii_graphic() && Some(byte) != end)
}

/// Names are checked where schemes are made. One in lower case needs no memory to be copied.
#[expect(clippy::expect_used, reason = "schemes hold valid names only")]
pub(crate) fn name(text: &'static str) -> HeaderName {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        HeaderName::from_bytes(text.as_bytes()).expect("schemes hold valid names only")
    } else {
        HeaderName::from_static(text)
    }
}

/// Eight signatures, a time and their names fit in it with room to spare.
const MAX_HEADER_LEN: usize = 1024;
const MAX_ID_LEN: usize = 256;
