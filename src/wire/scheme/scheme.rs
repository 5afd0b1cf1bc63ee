//! What a sender does, as data.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::algorithm::SignatureAlgorithm;
use super::content::Content;
use super::encoding::SignatureEncoding;
use super::grammar::Grammar;
use super::time_unit::TimeUnit;

/// How one family of senders signs: a constant, not code.
///
/// The [presets](Self#presets) are listed with them; [`custom`](Self::custom) starts another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scheme {
    pub(crate) name: &'static str,
    pub(crate) family: HeaderNames,
    /// Judged where the signature header of `family` is not there.
    pub(crate) fallback: Option<HeaderNames>,
    pub(crate) grammar: Grammar,
    pub(crate) encoding: SignatureEncoding,
    pub(crate) content: Content<'static>,
    pub(crate) algorithm: SignatureAlgorithm,
    pub(crate) unit: TimeUnit,
    pub(crate) tolerance: Duration,
    pub(crate) id_source: IdSource,
    /// Readers take one signature: of several secrets the oldest makes it.
    pub(crate) signs_once: bool,
}

/// The names of headers that belong together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct HeaderNames {
    pub(crate) id: Option<&'static str>,
    /// Where the grammar has the time in the signature header, this one only repeats it.
    pub(crate) timestamp: Option<&'static str>,
    pub(crate) signature: &'static str,
}

/// Where a message's id comes from, which decides how far it may be trusted.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum IdSource {
    /// A header that is part of the signed content: authentic, and always there.
    SignedHeader,
    /// A header that is not signed: anybody on the way may have changed it, and it may be missing.
    UnsignedHeader,
    /// The string at this JSON pointer (RFC 6901) in the signed body: authentic. The id header, if
    /// there is one, is not, and is taken only where the body has no id.
    SignedBody(&'static str),
}

impl Scheme {
    /// Returns the scheme's name, such as `standard-webhooks`: what a store keeps of a preset.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns where a message's id comes from.
    #[must_use]
    pub const fn id_source(&self) -> IdSource {
        self.id_source
    }

    /// Returns whether a request says when it was signed.
    ///
    /// Without a time nothing is ever too old: whoever has recorded a request can send it again at
    /// any time. What stops that is a dedupe store, which knows the body again, for 7 days.
    #[must_use]
    pub const fn has_time(&self) -> bool {
        self.grammar.has_time() || self.family.timestamp.is_some()
    }

    pub(crate) fn families(&self) -> impl Iterator<Item = &HeaderNames> {
        std::iter::once(&self.family).chain(&self.fallback)
    }
}

/// What the reference libraries of most senders use.
pub(crate) const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);

/// Below 1 s nothing arrives in time; above 1 h a recorded request lives too long.
pub(crate) const TOLERANCE: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(3600);
