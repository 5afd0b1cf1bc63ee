//! The events that an endpoint subscribes to.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::event_type::{EventType, well_formed};

/// The events an endpoint subscribes to: all, exact names, or groups such as `user.*`.
///
/// Its text is a comma-separated list (`session.created,user.*`; `*` is all); in JSON it is a list
/// of the same patterns.
///
/// ```
/// use tower_auth_sync::event::{EventFilter, EventType};
///
/// let filter: EventFilter = "user.*, session.revoked".parse()?;
/// assert!(filter.matches(&EventType::UserBanned));
/// assert!(!filter.matches(&EventType::SessionCreated));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct EventFilter {
    /// Sorted and without `*`; empty is all.
    patterns: BTreeSet<Box<str>>,
}

impl EventFilter {
    /// Returns the filter that matches every event.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            patterns: BTreeSet::new(),
        }
    }

    /// Creates a filter from patterns: an exact name, `group.*` for every name that begins with
    /// `group.`, or `*` for all.
    ///
    /// # Errors
    ///
    /// [`InvalidFilter::Empty`] without patterns, since an endpoint without events is a mistake;
    /// [`InvalidFilter::Pattern`] for a pattern of another form.
    pub fn new<P: AsRef<str>>(
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, InvalidFilter> {
        let mut set = BTreeSet::new();
        let mut all = false;
        for pattern in patterns {
            let pattern = pattern.as_ref().trim();
            all |= pattern == ALL;
            if !is_pattern(pattern) {
                return Err(InvalidFilter::Pattern);
            }
            set.insert(pattern.into());
        }
        if set.is_empty() {
            return Err(InvalidFilter::Empty);
        }
        Ok(if all {
            Self::all()
        } else {
            Self { patterns: set }
        })
    }

    /// Returns whether the filter matches an event of this type.
    #[must_use]
    pub fn matches(&self, event_type: &EventType) -> bool {
        let name = event_type.as_str();
        self.patterns.is_empty()
            || self.patterns.contains(name)
            || self
                .patterns
                .iter()
                .any(|pattern| match pattern.strip_suffix(ALL) {
                    Some(group) => name.len() > group.len() && name.starts_with(group),
                    None => false,
                })
    }

    /// Returns the patterns in alphabetical order; `*` alone if the filter is [`all`](Self::all).
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        let all = self.patterns.is_empty().then_some(ALL);
        all.into_iter()
            .chain(self.patterns.iter().map(AsRef::as_ref))
    }
}

/// The pattern of every name.
const ALL: &str = "*";

fn is_pattern(text: &str) -> bool {
    match text.strip_suffix(ALL) {
        Some("") => true,
        Some(group) => group.strip_suffix('.').is_some_and(well_formed),
        None => well_formed(text),
    }
}

impl fmt::Display for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pattern) in self.patterns().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(pattern)?;
        }
        Ok(())
    }
}

impl FromStr for EventFilter {
    type Err = InvalidFilter;

    fn from_str(text: &str) -> Result<Self, InvalidFilter> {
        if text.trim().is_empty() {
            return Err(InvalidFilter::Empty);
        }
        Self::new(text.split(','))
    }
}

impl TryFrom<Vec<String>> for EventFilter {
    type Error = InvalidFilter;

    fn try_from(patterns: Vec<String>) -> Result<Self, InvalidFilter> {
        Self::new(patterns)
    }
}

impl From<EventFilter> for Vec<String> {
    fn from(filter: EventFilter) -> Self {
        filter.patterns().map(Into::into).collect()
    }
}

/// Why a text is not a filter.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidFilter {
    /// There is no pattern; `*` subscribes to all events.
    #[error("the filter has no pattern; `*` subscribes to all events")]
    Empty,
    /// A pattern is neither a name, nor `group.*`, nor `*`.
    #[error("a pattern is an event's name, a group such as `user.*`, or `*`")]
    Pattern,
}
