//! Schemes that no preset has.

use std::time::Duration;

use http::HeaderName;

use super::algorithm::SignatureAlgorithm;
use super::content::{Content, ContentError, Part};
use super::encoding::SignatureEncoding;
use super::grammar::Grammar;
use super::key_form::KeyForm;
use super::scheme::{DEFAULT_TOLERANCE, HeaderNames, IdSource, Scheme, TOLERANCE};
use super::time_unit::TimeUnit;

/// A scheme in the making; started by [`Scheme::custom`].
///
/// HMAC-SHA256, and unless told otherwise: the signature header holds one signature in hex digits and
/// nothing else, the body alone is signed, the key is the secret's whole text.
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

/// Why a scheme cannot be made.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SchemeError {
    /// The name is a preset's, or not 1 to 64 visible ASCII characters.
    #[error("a scheme's name has 1 to 64 visible ASCII characters and is no preset's")]
    Name,
    /// A header's name is none, or is given twice.
    #[error("`{name}` is no name for a header, or is used for two of them")]
    Header {
        /// What was given.
        name: &'static str,
    },
    /// The prefix, or the version, cannot be told from what stands around it.
    #[error("the prefix or version `{text}` has characters that cannot stand there")]
    Prefix {
        /// What was given.
        text: &'static str,
    },
    /// The template of the signed content is wrong.
    #[error("the template of the signed content is wrong")]
    Content(#[from] ContentError),
    /// The time is sent and not signed, which is worth nothing, or signed and not sent.
    #[error("`{{t}}` must be in the signed content exactly where the request has a time")]
    Time,
    /// The id is signed and no header has it, or it is said to stand in two places.
    #[error("`{{id}}` in the signed content needs an id header, and no id in the body beside it")]
    Id,
    /// The place of the id in the body is no JSON pointer to a member of an object.
    #[error(
        "the place of the id in the body must be a JSON pointer to a member, such as `/id`, without array indices and without `~`"
    )]
    Pointer,
    /// The tolerance is below 1 s or above 1 h.
    #[error("the tolerance for timestamps must be between 1 s and 1 h")]
    Tolerance,
}

impl Scheme {
    /// Starts a scheme of your own: its name, and the header that carries the signature.
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

    /// Sets what stands before the one signature, such as `sha256=`. Default: nothing.
    pub const fn prefix(mut self, prefix: &'static str) -> Self {
        self.grammar = Grammar::Single { prefix };
        self
    }

    /// Reads `t=<time>,<version>=<signature>`, in any order, with up to 8 signatures.
    pub const fn fields(mut self, version: &'static str, unit: TimeUnit) -> Self {
        self.grammar = Grammar::Fields {
            version,
            bare_version: false,
            spaced: false,
        };
        self.unit = unit;
        self
    }

    /// As [`fields`](Self::fields), with one space behind each comma.
    pub const fn spaced_fields(mut self, version: &'static str, unit: TimeUnit) -> Self {
        self.grammar = Grammar::Fields {
            version,
            bare_version: false,
            spaced: true,
        };
        self.unit = unit;
        self
    }

    /// Reads `<version>,<signature>`, up to 8 of them with a space between.
    pub const fn list(mut self, version: &'static str) -> Self {
        self.grammar = Grammar::List { version };
        self
    }

    /// Sets how signatures are written. Default: [`SignatureEncoding::LowerHex`].
    pub const fn encoding(mut self, encoding: SignatureEncoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Sets what is signed: `{id}`, `{t}` and `{body}`, each once at most, and text that stands for
    /// itself. Default: `{body}`.
    ///
    /// `{t}` is the time's text as it was received. The character that ends an id, such as the full
    /// stop in `{id}.{body}`, may not stand in one.
    pub const fn content(mut self, template: &'static str) -> Self {
        self.content = template;
        self
    }

    /// Sets the header of the time. Default: there is none, and no time unless in
    /// [`fields`](Self::fields).
    ///
    /// # Security
    ///
    /// Without a time a recorded request stays valid until the secret is replaced; only dedupe tells
    /// that it was handled.
    pub const fn timestamp_header(mut self, name: &'static str, unit: TimeUnit) -> Self {
        self.family.timestamp = Some(name);
        self.unit = unit;
        self
    }

    /// Sets the header of the message's id. Default: there is none.
    ///
    /// # Security
    ///
    /// The id is authentic only if `{id}` is in the [content](Self::content).
    pub const fn id_header(mut self, name: &'static str) -> Self {
        self.family.id = Some(name);
        self
    }

    /// Sets where in the signed body the message's id stands, as a JSON pointer (RFC 6901) to a member
    /// of an object, such as `/id` or `/meta/id`: without array indices, and without `~`. Default:
    /// nowhere.
    pub const fn id_in_body(mut self, pointer: &'static str) -> Self {
        self.id_in_body = Some(pointer);
        self
    }

    /// Writes one signature also where several secrets overlap, that of the oldest: for receivers
    /// that take no more. Default: one for each secret, where the header has room.
    pub const fn signs_once(mut self) -> Self {
        self.signs_once = true;
        self
    }

    /// Sets what of a secret is the key. Default: [`KeyForm::Text`].
    pub const fn key(mut self, form: KeyForm) -> Self {
        self.key = form;
        self
    }

    /// Sets how far a time may lie from now, on both sides: 1 s to 1 h. Default: 300 s.
    pub const fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Makes the scheme.
    ///
    /// # Errors
    ///
    /// [`SchemeError`] says which setting is wrong, or which two contradict each other.
    pub fn build(self) -> Result<Scheme, SchemeError> {
        self.check_names()?;
        if !is_legal(self.grammar) {
            return Err(SchemeError::Prefix {
                text: self.grammar.mark(),
            });
        }
        let content = Content::parse(self.content)?;
        let signed_id = content.has(Part::Id);
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
        if content.has(Part::Time) != scheme.has_time() {
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

/// Of JSON pointers those are followed that name members of objects, without escapes.
fn names_members(pointer: &str) -> bool {
    let is_name = |name: &str| {
        let is_index = name.bytes().all(|byte| byte.is_ascii_digit());
        !is_index && !name.contains('~')
    };
    let names = pointer.strip_prefix('/');
    names.is_some_and(|names| names.split('/').all(is_name))
}

/// A version is a word of a list; a prefix is only told by where it stands.
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

/// Long enough for any, short enough for a label.
const MAX_NAME_LEN: usize = 64;
