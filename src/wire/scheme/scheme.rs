//! A signature scheme as data.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::algorithm::SignatureAlgorithm;
use super::encoding::SignatureEncoding;
use super::grammar::Grammar;
use super::template::Template;
use super::time_unit::TimeUnit;

/// The rules by which a family of senders signs.
///
/// See the [presets](Self#presets); [`custom`](Self::custom) starts another scheme.
///
/// ```
/// use tower_auth_sync::scheme::Scheme;
///
/// let scheme = Scheme::by_name("stripe");
/// assert_eq!(scheme, Some(Scheme::stripe()));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scheme {
    pub(crate) name: &'static str,
    pub(crate) family: HeaderNames,
    /// Used where the signature header of `family` is missing.
    pub(crate) fallback: Option<HeaderNames>,
    pub(crate) grammar: Grammar,
    pub(crate) encoding: SignatureEncoding,
    pub(crate) content: Template<'static>,
    pub(crate) algorithm: SignatureAlgorithm,
    pub(crate) unit: TimeUnit,
    pub(crate) tolerance: Duration,
    pub(crate) id_source: IdSource,
    /// Receivers take one signature: of several secrets the oldest signs.
    pub(crate) signs_once: bool,
}

/// The names of a scheme's headers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct HeaderNames {
    pub(crate) id: Option<&'static str>,
    /// Only repeats the time if the grammar has the time in the signature header.
    pub(crate) timestamp: Option<&'static str>,
    pub(crate) signature: &'static str,
}

/// The source of a message's id, which decides its trust.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum IdSource {
    /// A header in the signed content: authentic and required.
    SignedHeader,
    /// An unsigned, optional header: anybody on the network path can change it.
    UnsignedHeader,
    /// The string at this JSON pointer (RFC 6901) in the signed body: authentic. The id header, if any,
    /// is not authentic and is used only for a body without an id.
    SignedBody(&'static str),
}

impl Scheme {
    /// Returns the scheme's name, such as `standard-webhooks`. A store saves a preset by its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the source of a message's id.
    #[must_use]
    pub const fn id_source(&self) -> IdSource {
        self.id_source
    }

    /// Returns whether a request contains the time of its signature.
    ///
    /// Without a time no request is ever too old: an attacker can replay a recorded request at any
    /// time. A dedupe store recognizes the body for 7 days.
    #[must_use]
    pub const fn has_time(&self) -> bool {
        self.grammar.has_time() || self.family.timestamp.is_some()
    }

    pub(crate) fn families(&self) -> impl Iterator<Item = &HeaderNames> {
        std::iter::once(&self.family).chain(&self.fallback)
    }
}

/// The default of most senders' reference libraries.
pub(crate) const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);

/// Below 1 s no request is in time; above 1 h a recorded request stays valid too long.
pub(crate) const TOLERANCE: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(3600);
