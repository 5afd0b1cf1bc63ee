//! Detection of a damaged database.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqlitePool;
use tokio::sync::watch;

use super::error::is_damage;
use crate::base::error::StoreError;

/// The state of the database. Damage is remembered until the store is opened again.
#[derive(Clone, Default)]
pub(super) struct Integrity(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_begun: AtomicBool,
    state: watch::Sender<IntegrityState>,
}

#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum IntegrityState {
    #[default]
    Unknown,
    Sound,
    Damaged,
}

impl Integrity {
    /// Checks the tables of this crate, once, in the background.
    pub(super) fn begin(&self, reader: &SqlitePool) {
        if self.0.is_begun.swap(true, Ordering::Relaxed) {
            return;
        }
        let (integrity, reader) = (self.clone(), reader.clone());
        tokio::spawn(async move {
            let found = sqlx::query_scalar(FIND_DAMAGE)
                .fetch_optional(&reader)
                .await;
            match found {
                Ok(None) => integrity.set_sound(),
                Ok(Some::<String>(damage)) => integrity.set_damaged(&DamageReport(damage)),
                Err(cause) if is_damage(&cause) => integrity.set_damaged(&cause),
                // Other calls meet the same failure and report it.
                Err(_) => integrity.set_sound(),
            }
        });
    }

    /// Fails if the database is damaged. Waits for the check for at most 1 s.
    pub(super) async fn check(&self, reader: &SqlitePool) -> Result<(), StoreError> {
        self.begin(reader);
        let mut state = self.0.state.subscribe();
        let known = state.wait_for(|state| *state != IntegrityState::Unknown);
        // A longer check continues in the background.
        let _ = tokio::time::timeout(LONGEST_DELAY, known).await;
        if *self.0.state.borrow() == IntegrityState::Damaged {
            return Err(StoreError::corrupt(DamagedDatabase));
        }
        Ok(())
    }

    /// Remembers damage that a call met.
    pub(super) fn note(&self, error: &StoreError) {
        let cause = error.source().and_then(|cause| cause.downcast_ref());
        if let Some(cause) = cause.filter(|cause| is_damage(cause)) {
            self.set_damaged(cause);
        }
    }

    fn set_damaged(&self, cause: &(dyn Error + 'static)) {
        if self.0.state.send_replace(IntegrityState::Damaged) != IntegrityState::Damaged {
            tracing::error!(
                error = cause,
                "{DamagedDatabase}; until then no event is stored"
            );
        }
    }

    /// Marks the database as sound, unless damage was found meanwhile.
    fn set_sound(&self) {
        let update = |state: &mut IntegrityState| {
            let is_unknown = *state == IntegrityState::Unknown;
            if is_unknown {
                *state = IntegrityState::Sound;
            }
            is_unknown
        };
        self.0.state.send_if_modified(update);
    }
}

/// A page of the file differs from what SQLite wrote.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database is damaged: restore it from a backup, or recover it with `.recover` of the sqlite3 \
     shell, and open it again"
)]
struct DamagedDatabase;

/// SQLite's report of the damage: numbers of pages, and no content.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct DamageReport(String);

/// Timeout of a call's wait for the check. In this time SQLite checks some 500 MB on a local disk.
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// The application's own tables are not checked.
const FIND_DAMAGE: &str = "
SELECT found.quick_check
FROM sqlite_schema, pragma_quick_check(sqlite_schema.name) AS found
WHERE type = 'table' AND name LIKE 'tas!_%' ESCAPE '!' AND found.quick_check <> 'ok'
LIMIT 1";
