//! Errors that every room shares.

use std::error::Error;

/// Any error of a body, a service or a store.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Behavior of a layer while its store fails.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum StoreFailurePolicy {
    /// Responds with 503. No message is handled twice, and the sender sees every failure.
    #[default]
    FailClosed,
    /// Continues without the store and logs the failure.
    FailOpen,
}

/// Failure of a store.
///
/// [`source`](Error::source) keeps the cause for logs; callers never see it.
///
/// ```
/// use tower_auth_sync::StoreError;
///
/// let error = StoreError::unavailable("the connection was closed");
/// assert!(error.is_unavailable());
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<BoxError>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum StoreErrorKind {
    #[error("the store cannot be reached or does not respond")]
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
                    Self { kind: StoreErrorKind::$kind, source: Some(source.into()) }
                }

                #[doc = concat!("Returns whether this was made by [`", stringify!($make), "`](Self::", stringify!($make), ").")]
                #[must_use]
                pub fn $is(&self) -> bool {
                    self.kind == StoreErrorKind::$kind
                }
            )*
        }
    };
}

kinds! {
    /// The store cannot be reached, is full, locked or read-only. A retry may succeed.
    unavailable, is_unavailable, Unavailable;
    /// This version cannot read a row or a response, or the database is damaged; the cause says which.
    /// A retry fails again.
    corrupt, is_corrupt, Corrupt;
    /// A newer version of this crate created the tables.
    future_migration, is_future_migration, FutureMigration;
    /// The tables could not be created or changed.
    migration, is_migration, Migration;
    /// This build can open no store at the URL or path.
    address, is_address, Address;
}

impl StoreError {
    /// The caller's claim or lease is no longer the newest: the store did not record the outcome.
    #[must_use]
    pub const fn lease_lost() -> Self {
        Self {
            kind: StoreErrorKind::LeaseLost,
            source: None,
        }
    }

    /// Returns whether this was made by [`lease_lost`](Self::lease_lost).
    #[must_use]
    pub fn is_lease_lost(&self) -> bool {
        self.kind == StoreErrorKind::LeaseLost
    }
}
