//! Finding the scheme's headers in a request, and reading those beside the signature.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::grammar::{Fault, every};
use super::scheme::{Family, IdSource};
use super::verify_error::VerifyError;
use crate::clock::UnixTime;

/// A [`Family`] whose names are parsed once.
pub(super) struct Names {
    id: HeaderName,
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
            id: HeaderName::from_static(family.id),
            timestamp: family.timestamp.map(HeaderName::from_static),
            signature: HeaderName::from_static(family.signature),
        }
    }

    /// Looks through all headers once: a request has few, and to compare their names costs less
    /// than to hash three.
    pub(super) fn find<'h>(&self, headers: &'h HeaderMap) -> Found<'h> {
        let mut found = Found::default();
        for (name, value) in headers {
            if *name == self.signature {
                found.signature.put(value);
            } else if *name == self.id {
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
        source: IdSource,
    ) -> Result<Option<&'h str>, VerifyError> {
        let signed = source == IdSource::SignedHeader;
        match found.id.text(&self.id)? {
            None | Some("") if signed => Err(missing(&self.id)),
            None => Ok(None),
            Some(id) if is_id(id, signed) => Ok(Some(id)),
            Some(_) => Err(VerifyError::BadId {
                header: self.id.clone(),
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

    /// Returns the time as it was signed, and its value.
    pub(super) fn time<'h>(
        &self,
        signed: Option<&'h str>,
        stamp: Option<&'h str>,
    ) -> Result<(&'h str, UnixTime), VerifyError> {
        let header = self.timestamp.as_ref().unwrap_or(&self.signature);
        let (text, source) = match (signed, stamp) {
            (Some(time), _) => (time, &self.signature),
            (None, Some(time)) if !time.is_empty() => (time, header),
            (None, _) => return Err(missing(header)),
        };
        let time = seconds(text).ok_or_else(|| VerifyError::BadTime {
            header: source.clone(),
        })?;
        if stamp.is_some_and(|stamp| stamp != text) {
            return Err(VerifyError::TimesDiffer {
                header: header.clone(),
            });
        }
        Ok((text, time))
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

/// A full stop in a signed id would let its bytes be read as another id, time and body.
fn is_id(text: &str, signed: bool) -> bool {
    (1..=MAX_ID_LEN).contains(&text.len())
        && every(text, |byte| {
            byte.is_ascii_graphic() && !(signed && byte == b'.')
        })
}

/// Reads 1 to 15 digits without a leading zero.
fn seconds(text: &str) -> Option<UnixTime> {
    let plain = (1..=MAX_TIME_DIGITS).contains(&text.len())
        && every(text, |byte| byte.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'));
    if !plain {
        return None;
    }
    text.parse().ok().map(UnixTime::from_secs)
}

/// Eight signatures, a time and their names fit in it with room to spare.
const MAX_HEADER_LEN: usize = 1024;
const MAX_ID_LEN: usize = 256;
/// Fits in an `i64` in any unit down to microseconds, and lasts for 30 million years in seconds.
const MAX_TIME_DIGITS: usize = 15;
