//! Prefix of the table names.

use std::fmt;

/// Prefix of the names of the mirror's tables: `auth_` makes `auth_users`.
///
/// 1 to 32 of `a-z 0-9 _`, starting with a letter. `sqlite_`, `pg_` and `tas_` are reserved.
///
/// ```
/// use tower_auth_sync::mirror::TablePrefix;
///
/// assert_eq!(TablePrefix::new("crm_")?.as_str(), "crm_");
/// assert!(TablePrefix::new("pg_").is_err());
/// # Ok::<(), tower_auth_sync::mirror::InvalidPrefix>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct TablePrefix(Box<str>);

impl TablePrefix {
    /// Creates a prefix.
    ///
    /// # Errors
    ///
    /// [`InvalidPrefix`] for any other text.
    pub fn new(text: &str) -> Result<Self, InvalidPrefix> {
        let legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        let is_reserved = RESERVED.iter().any(|prefix| text.starts_with(prefix));
        if text.len() <= MAX_LEN
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(legal)
            && !is_reserved
        {
            Ok(Self(text.into()))
        } else {
            Err(InvalidPrefix)
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `auth_`.
impl Default for TablePrefix {
    fn default() -> Self {
        Self("auth_".into())
    }
}

impl fmt::Display for TablePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no table prefix.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a table prefix has 1 to 32 characters of a-z, 0-9 and `_`, the first a letter, and does not \
     begin with `sqlite_`, `pg_` or `tas_`"
)]
pub struct InvalidPrefix;

const MAX_LEN: usize = 32;

/// Reserved by the databases, and by this crate's other tables.
const RESERVED: [&str; 3] = ["sqlite_", "pg_", "tas_"];
