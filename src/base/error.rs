//! The one error of every store.

use std::error::Error;

/// Any error of a body, a service or a store.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What a layer does while its store fails.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum StoreFailurePolicy {
    /// Answers 503: nothing is handled twice, and nothing is lost without a word.
    #[default]
    FailClosed,
    /// Goes on without the store, and logs it.
    FailOpen,
}

/// Why a store did not do what it was asked.
///
/// The cause is kept as [`source`](Error::source) for logs; callers never see it.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct StoreError {
    kind: Kind,
    source: Option<BoxError>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum Kind {
    #[error("the store cannot be reached or does not answer")]
    Unavailable,
    #[error("the lease is no longer held")]
    LeaseLost,
    #[error("the store is damaged, or holds a row that cannot be read")]
    Corrupt,
    #[error("the store was migrated by a newer version of this crate")]
    FutureMigration,
    #[error("the store's tables could not be created or migrated")]
    Migration,
    #[error("the store's address is not usable")]
    Address,
}

macro_rules! kinds {
    ($($(#[$meta:meta])* $make:ident, $is:ident, $kind:ident;)*) => {
        impl StoreError {
            $(
                $(#[$meta])*
                #[must_use]
                pub fn $make(source: impl Into<BoxError>) -> Self {
                    Self { kind: Kind::$kind, source: Some(source.into()) }
                }

                #[doc = concat!("Returns whether this was made by [`", stringify!($make), "`](Self::", stringify!($make), ").")]
                #[must_use]
                pub fn $is(&self) -> bool {
                    self.kind == Kind::$kind
                }
            )*
        }
    };
}

kinds! {
    /// The store cannot be reached, is full, locked or read-only: worth trying again.
    unavailable, is_unavailable, Unavailable;
    /// A row, or an answer, that this version cannot read, or a damaged database (the cause says which):
    /// trying again is of no use.
    corrupt, is_corrupt, Corrupt;
    /// The tables were made by a newer version of this crate.
    future_migration, is_future_migration, FutureMigration;
    /// The tables could not be made or changed.
    migration, is_migration, Migration;
    /// The URL or path names no store that this build can open.
    address, is_address, Address;
}

impl StoreError {
    /// The claim or lease under which the caller works is no longer the newest: its outcome was
    /// not recorded.
    #[must_use]
    pub const fn lease_lost() -> Self {
        Self {
            kind: Kind::LeaseLost,
            source: None,
        }
    }

    /// Returns whether this was made by [`lease_lost`](Self::lease_lost).
    #[must_use]
    pub fn is_lease_lost(&self) -> bool {
        self.kind == Kind::LeaseLost
    }
}
