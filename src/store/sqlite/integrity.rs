//! Whether the database is damaged.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqlitePool;
use tokio::sync::watch;

use super::error::is_damage;
use crate::base::error::StoreError;

/// What is known of the database. Damage is remembered until the store is opened again.
#[derive(Clone, Default)]
pub(super) struct Integrity(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_begun: AtomicBool,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum State {
    #[default]
    Unknown,
    Sound,
    Damaged,
}

impl Integrity {
    /// Looks through the tables of this crate, once, beside other work.
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
                Ok(None) => integrity.sound(),
                Ok(Some::<String>(damage)) => integrity.damaged(&Found(damage)),
                Err(cause) if is_damage(&cause) => integrity.damaged(&cause),
                // Whatever is wrong, it stands in the way of other calls too, which say so.
                Err(_) => integrity.sound(),
            }
        });
    }

    /// Refuses if the database is damaged, as far as that is known or becomes known within 1 s.
    pub(super) async fn check(&self, reader: &SqlitePool) -> Result<(), StoreError> {
        self.begin(reader);
        let mut state = self.0.state.subscribe();
        let known = state.wait_for(|state| *state != State::Unknown);
        // What takes longer goes on beside what is asked.
        let _ = tokio::time::timeout(LONGEST_DELAY, known).await;
        if *self.0.state.borrow() == State::Damaged {
            return Err(StoreError::corrupt(Damaged));
        }
        Ok(())
    }

    /// Remembers damage that a call has met.
    pub(super) fn note(&self, error: &StoreError) {
        let cause = error.source().and_then(|cause| cause.downcast_ref());
        if let Some(cause) = cause.filter(|cause| is_damage(cause)) {
            self.damaged(cause);
        }
    }

    fn damaged(&self, cause: &(dyn Error + 'static)) {
        if self.0.state.send_replace(State::Damaged) != State::Damaged {
            tracing::error!(error = cause, "{Damaged}; until then no event is taken");
        }
    }

    /// Leaves damage that was found meanwhile.
    fn sound(&self) {
        let update = |state: &mut State| {
            let is_unknown = *state == State::Unknown;
            if is_unknown {
                *state = State::Sound;
            }
            is_unknown
        };
        self.0.state.send_if_modified(update);
    }
}

/// A page of the file is not what SQLite has written.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database is damaged: restore it from a backup, or recover it with `.recover` of the sqlite3 \
     shell, and open it again"
)]
struct Damaged;

/// What SQLite says of the damage: numbers of pages, and no content.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Found(String);

/// How long a call waits for the look through the tables: some 500 MB on a local disk.
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// The application's own tables are its own.
const FIND_DAMAGE: &str = "
SELECT found.quick_check
FROM sqlite_schema, pragma_quick_check(sqlite_schema.name) AS found
WHERE type = 'table' AND name LIKE 'tas!_%' ESCAPE '!' AND found.quick_check <> 'ok'
LIMIT 1";
