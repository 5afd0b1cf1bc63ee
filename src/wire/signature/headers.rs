//! Lookup and parsing of the scheme's headers in a request.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::verify_error::VerifyError;
use crate::base::clock::UnixMillis;
use crate::wire::scheme::{Fault, HeaderNames, IdSource, Parsed, Scheme, TimeUnit, every};

/// The header names of a family, parsed once.
pub(crate) struct ParsedHeaderNames {
    id: Option<HeaderName>,
    timestamp: Option<HeaderName>,
    signature: HeaderName,
}

/// The headers of a family in one request.
#[derive(Default)]
struct FamilyHeaders<'h> {
    id: HeaderOccurrence<'h>,
    timestamp: HeaderOccurrence<'h>,
    signature: HeaderOccurrence<'h>,
}

/// The value of one header and whether the header is repeated.
#[derive(Default)]
struct HeaderOccurrence<'h> {
    value: Option<&'h HeaderValue>,
    repeated: bool,
}

/// The well-formed header values of a request, neither fresh nor authentic yet.
pub(crate) struct HeaderValues<'h> {
    pub(crate) id: Option<&'h str>,
    /// The signed text and its value.
    pub(crate) time: Option<(&'h str, UnixMillis)>,
    pub(crate) parsed: Parsed<'h>,
}

/// Reads the headers of the first family with a signature header in the request.
pub(crate) fn read<'h>(
    scheme: &Scheme,
    families: &[ParsedHeaderNames],
    headers: &'h HeaderMap,
) -> Result<HeaderValues<'h>, VerifyError> {
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

impl ParsedHeaderNames {
    pub(crate) fn of(family: &HeaderNames) -> Self {
        Self {
            id: family.id.map(name),
            timestamp: family.timestamp.map(name),
            signature: name(family.signature),
        }
    }

    fn read<'h>(
        &self,
        found: &FamilyHeaders<'h>,
        value: &'h str,
        scheme: &Scheme,
    ) -> Result<HeaderValues<'h>, VerifyError> {
        let id = self.read_id(found, scheme)?;
        let stamp = self.read_timestamp(found)?;
        let parsed = scheme.grammar.parse(value);
        let parsed = parsed.map_err(|fault| self.refuse(fault))?;
        let time = self.read_time(parsed.time, stamp, scheme.unit)?;
        Ok(HeaderValues { id, time, parsed })
    }

    /// Visits all headers once: a request has few, and comparing their names costs less than hashing
    /// three.
    fn find<'h>(&self, headers: &'h HeaderMap) -> FamilyHeaders<'h> {
        let mut found = FamilyHeaders::default();
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

    fn read_id<'h>(
        &self,
        found: &FamilyHeaders<'h>,
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

    /// Returns the value of the timestamp header, if the family has one.
    fn read_timestamp<'h>(
        &self,
        found: &FamilyHeaders<'h>,
    ) -> Result<Option<&'h str>, VerifyError> {
        match &self.timestamp {
            Some(name) => found.timestamp.text(name),
            None => Ok(None),
        }
    }

    /// Returns the signed text of the time and its value; `None` for a scheme without a time.
    fn read_time<'h>(
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

impl<'h> HeaderOccurrence<'h> {
    fn put(&mut self, value: &'h HeaderValue) {
        self.repeated = self.value.replace(value).is_some();
    }

    /// Returns the value without outer white space, if the header exists.
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

/// An id must not contain the byte that ends it: the signed bytes would match another id, time and
/// body.
fn is_id(text: &str, end: Option<u8>) -> bool {
    (1..=MAX_ID_LEN).contains(&text.len())
        && every(text, |byte| byte.is_ascii_graphic() && Some(byte) != end)
}

/// The scheme builder checks names. A name in lower case needs no allocation.
#[expect(clippy::expect_used, reason = "schemes hold valid names only")]
pub(crate) fn name(text: &'static str) -> HeaderName {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        HeaderName::from_bytes(text.as_bytes()).expect("schemes hold valid names only")
    } else {
        HeaderName::from_static(text)
    }
}

/// Fits eight signatures, a time and their names.
const MAX_HEADER_LEN: usize = 1024;
const MAX_ID_LEN: usize = 256;
