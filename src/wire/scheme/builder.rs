//! Custom schemes.

use std::time::Duration;

use http::HeaderName;

use super::algorithm::SignatureAlgorithm;
use super::encoding::SignatureEncoding;
use super::grammar::Grammar;
use super::key_form::KeyForm;
use super::scheme::{DEFAULT_TOLERANCE, HeaderNames, IdSource, Scheme, TOLERANCE};
use super::scheme_error::SchemeError;
use super::template::{Segment, Template};
use super::time_unit::TimeUnit;

/// Builder of a custom scheme; [`Scheme::custom`] creates it.
///
/// The algorithm is HMAC-SHA256. By default the signature header contains one signature in hex digits,
/// the signed content is the body, and the key is the secret's whole text.
#[must_use = "call `build` to get the scheme"]
#[derive(Clone, Copy, Debug)]
pub struct SchemeBuilder {
    name: &'static str,
    family: HeaderNames,
    grammar: Grammar,
    encoding: SignatureEncoding,
    content: &'static str,
    key: KeyForm,
    unit: TimeUnit,
    tolerance: Duration,
    id_in_body: Option<&'static str>,
    signs_once: bool,
}

impl Scheme {
    /// Starts a custom scheme with its name and its signature header.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_auth_sync::scheme::{Scheme, SignatureEncoding, TimeUnit};
    /// use tower_auth_sync::signature::Verifier;
    ///
    /// let acme = Scheme::custom("acme", "X-Acme-Signature")
    ///     .prefix("hmac-sha256=")
    ///     .encoding(SignatureEncoding::Base64)
    ///     .timestamp_header("X-Acme-Time", TimeUnit::Milliseconds)
    ///     .id_header("X-Acme-Id")
    ///     .content("{t}.{id}.{body}")
    ///     .tolerance(Duration::from_secs(60))
    ///     .build()?;
    /// let verifier = Verifier::new(acme, ["not-a-secret-but-an-example"])?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn custom(name: &'static str, signature_header: &'static str) -> SchemeBuilder {
        SchemeBuilder::new(name, signature_header)
    }
}

impl SchemeBuilder {
    pub(crate) const fn new(name: &'static str, signature: &'static str) -> Self {
        Self {
            name,
            family: HeaderNames {
                id: None,
                timestamp: None,
                signature,
            },
            grammar: Grammar::Single { prefix: "" },
            encoding: SignatureEncoding::LowerHex,
            content: "{body}",
            key: KeyForm::Text,
            unit: TimeUnit::Seconds,
            tolerance: DEFAULT_TOLERANCE,
            id_in_body: None,
            signs_once: false,
        }
    }

    /// Sets the prefix of a single signature, such as `sha256=`. Default: no prefix. The last of `prefix`,
    /// [`fields`](Self::fields), [`spaced_fields`](Self::spaced_fields) and [`list`](Self::list) wins.
    pub const fn prefix(mut self, prefix: &'static str) -> Self {
        self.grammar = Grammar::Single { prefix };
        self
    }

    /// Sets the grammar `t=<time>,<version>=<signature>`, in any order, with up to 8 signatures. Default:
    /// a single signature.
    pub const fn fields(mut self, version: &'static str, unit: TimeUnit) -> Self {
        self.grammar = Grammar::Fields {
            version,
            bare_version: false,
            spaced: false,
        };
        self.unit = unit;
        self
    }

    /// Sets the grammar of [`fields`](Self::fields), with one space behind each comma.
    pub const fn spaced_fields(mut self, version: &'static str, unit: TimeUnit) -> Self {
        self.grammar = Grammar::Fields {
            version,
            bare_version: false,
            spaced: true,
        };
        self.unit = unit;
        self
    }

    /// Sets the grammar `<version>,<signature>`, up to 8 of them with a space between. Default: a single
    /// signature.
    pub const fn list(mut self, version: &'static str) -> Self {
        self.grammar = Grammar::List { version };
        self
    }

    /// Sets the encoding of signatures. Default: [`SignatureEncoding::LowerHex`].
    pub const fn encoding(mut self, encoding: SignatureEncoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Sets the signed content: `{id}`, `{t}` and `{body}`, each at most once, and literal text. Default:
    /// `{body}`.
    ///
    /// `{t}` is the received text of the time. An id must not contain the character behind it, such as
    /// the full stop in `{id}.{body}`.
    pub const fn content(mut self, template: &'static str) -> Self {
        self.content = template;
        self
    }

    /// Sets the header of the time. Default: no header, and no time except in [`fields`](Self::fields).
    ///
    /// # Security
    ///
    /// Without a time a recorded request stays valid until the secret is replaced. Only dedupe recognizes
    /// a replay.
    pub const fn timestamp_header(mut self, name: &'static str, unit: TimeUnit) -> Self {
        self.family.timestamp = Some(name);
        self.unit = unit;
        self
    }

    /// Sets the header of the message's id. Default: no header.
    ///
    /// # Security
    ///
    /// The id is authentic only if the [content](Self::content) contains `{id}`.
    pub const fn id_header(mut self, name: &'static str) -> Self {
        self.family.id = Some(name);
        self
    }

    /// Sets the place of the message's id in the signed body: a JSON pointer (RFC 6901) to an object
    /// member, such as `/id` or `/meta/id`, without array indices and without `~`. Default: no id in the
    /// body.
    pub const fn id_in_body(mut self, pointer: &'static str) -> Self {
        self.id_in_body = Some(pointer);
        self
    }

    /// Signs only with the oldest secret while several overlap, for receivers that take one signature.
    /// Default: one signature for each secret, if the header has room.
    pub const fn signs_once(mut self) -> Self {
        self.signs_once = true;
        self
    }

    /// Sets the form of the key. Default: [`KeyForm::Text`].
    pub const fn key(mut self, form: KeyForm) -> Self {
        self.key = form;
        self
    }

    /// Sets the tolerance of the time, in the past and in the future: 1 s to 1 h. Default: 300 s.
    pub const fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Builds the scheme.
    ///
    /// # Errors
    ///
    /// [`SchemeError`] names the wrong setting, or two settings that contradict each other.
    pub fn build(self) -> Result<Scheme, SchemeError> {
        self.check_names()?;
        if !is_legal(self.grammar) {
            return Err(SchemeError::Prefix {
                text: self.grammar.mark(),
            });
        }
        let content = Template::parse(self.content)?;
        let signed_id = content.has(Segment::Id);
        let scheme = Scheme {
            name: self.name,
            family: self.family,
            fallback: None,
            grammar: self.grammar,
            encoding: self.encoding,
            content,
            algorithm: SignatureAlgorithm::HmacSha256(self.key),
            unit: self.unit,
            tolerance: self.tolerance,
            id_source: match self.id_in_body {
                _ if signed_id => IdSource::SignedHeader,
                Some(pointer) => IdSource::SignedBody(pointer),
                None => IdSource::UnsignedHeader,
            },
            signs_once: self.signs_once || matches!(self.grammar, Grammar::Single { .. }),
        };
        let id_is_there = self.family.id.is_some() && self.id_in_body.is_none();
        if content.has(Segment::Time) != scheme.has_time() {
            Err(SchemeError::Time)
        } else if signed_id && !id_is_there {
            Err(SchemeError::Id)
        } else if !TOLERANCE.contains(&self.tolerance) {
            Err(SchemeError::Tolerance)
        } else {
            Ok(scheme)
        }
    }

    fn check_names(&self) -> Result<(), SchemeError> {
        let visible = self.name.bytes().all(|byte| byte.is_ascii_graphic());
        let length = (1..=MAX_NAME_LEN).contains(&self.name.len());
        if !visible || !length || Scheme::by_name(self.name).is_some() {
            return Err(SchemeError::Name);
        }
        let HeaderNames {
            id,
            timestamp,
            signature,
        } = self.family;
        let mut seen = Vec::with_capacity(3);
        for name in [Some(signature), id, timestamp].into_iter().flatten() {
            match HeaderName::from_bytes(name.as_bytes()) {
                Ok(header) if !seen.contains(&header) => seen.push(header),
                _ => return Err(SchemeError::Header { name }),
            }
        }
        if self
            .id_in_body
            .is_some_and(|pointer| !names_members(pointer))
        {
            return Err(SchemeError::Pointer);
        }
        Ok(())
    }
}

/// Accepts JSON pointers to object members, without escapes.
fn names_members(pointer: &str) -> bool {
    let is_name = |name: &str| {
        let is_index = name.bytes().all(|byte| byte.is_ascii_digit());
        !is_index && !name.contains('~')
    };
    let names = pointer.strip_prefix('/');
    names.is_some_and(|names| names.split('/').all(is_name))
}

/// A version is a word of a list. A prefix is any visible text, since its place identifies it.
fn is_legal(grammar: Grammar) -> bool {
    let word = |text: &str| {
        let mut bytes = text.bytes();
        !text.is_empty() && bytes.all(|b| b.is_ascii_graphic() && !matches!(b, b',' | b'='))
    };
    match grammar {
        Grammar::Fields { version, .. } => word(version) && version != "t",
        Grammar::List { version } => word(version),
        Grammar::Single { prefix } => prefix.bytes().all(|byte| byte.is_ascii_graphic()),
    }
}

/// Long enough for any sender, short enough for a metric label.
const MAX_NAME_LEN: usize = 64;
