//! Finding the scheme's headers in a request, and reading those beside the signature.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::grammar::{Fault, every};
use super::scheme::{Family, IdSource, Scheme};
use super::time_unit::TimeUnit;
use super::verify_error::VerifyError;
use crate::clock::UnixMillis;

/// A [`Family`] whose names are parsed once.
pub(super) struct Names {
    id: Option<HeaderName>,
    timestamp: Option<HeaderName>,
    pub(super) signature: HeaderName,
}

/// The headers of a family in one request.
#[derive(Default)]
pub(super) struct Found<'h> {
    id: Slot<'h>,
    timestamp: Slot<'h>,
    pub(super) signature: Slot<'h>,
}

/// One header of a request.
#[derive(Default)]
pub(super) struct Slot<'h> {
    value: Option<&'h HeaderValue>,
    repeated: bool,
}

impl Names {
    pub(super) fn of(family: &Family) -> Self {
        Self {
            id: family.id.map(name),
            timestamp: family.timestamp.map(name),
            signature: name(family.signature),
        }
    }

    /// Looks through all headers once: a request has few, and to compare their names costs less
    /// than to hash three.
    pub(super) fn find<'h>(&self, headers: &'h HeaderMap) -> Found<'h> {
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

    pub(super) fn id<'h>(
        &self,
        found: &Found<'h>,
        scheme: &Scheme,
    ) -> Result<Option<&'h str>, VerifyError> {
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
    pub(super) fn stamp<'h>(&self, found: &Found<'h>) -> Result<Option<&'h str>, VerifyError> {
        match &self.timestamp {
            Some(name) => found.timestamp.text(name),
            None => Ok(None),
        }
    }

    /// Returns the time as it was signed, and its value; `None` where the scheme has no time.
    pub(super) fn time<'h>(
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

    pub(super) fn refuse(&self, fault: Fault) -> VerifyError {
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
    pub(super) fn text(&self, name: &HeaderName) -> Result<Option<&'h str>, VerifyError> {
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

pub(super) fn missing(header: &HeaderName) -> VerifyError {
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
pub(super) fn name(text: &'static str) -> HeaderName {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        HeaderName::from_bytes(text.as_bytes()).expect("schemes hold valid names only")
    } else {
        HeaderName::from_static(text)
    }
}

/// Eight signatures, a time and their names fit in it with room to spare.
const MAX_HEADER_LEN: usize = 1024;
const MAX_ID_LEN: usize = 256;
