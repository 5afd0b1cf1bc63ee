//! What the crate counts, through the facade of the crate [`metrics`](https://docs.rs/metrics).
//!
//! Every recorder of that facade collects it; without one nothing happens. The recorder may be
//! installed before the layers are built or after.
//!
//! | metric | kind | labels | what it tells |
//! |---|---|---|---|
//! | `tower_auth_sync_webhooks_accepted_total` | counter | `source` | requests that verified and were not known, handed on or put into the inbox |
//! | `tower_auth_sync_webhooks_refused_total` | counter | `source`, `reason` | requests that were refused; `reason` is the slug of the answer ([`ProblemKind`](crate::wire::problem::ProblemKind)) |
//! | `tower_auth_sync_webhooks_duplicates_total` | counter | `source`, `kind` | requests whose message is known: `in_flight` (409), `done` (200) |
//! | `tower_auth_sync_webhooks_handled_total` | counter | `source`, `outcome` | ends of the handler behind the layer: `success` (2xx), `failure` (another status, or an error), `cancelled` (a panic, or a client that went away) |
//! | `tower_auth_sync_webhook_store_errors_total` | counter | `source`, `operation` | failed calls of the store that remembers messages: `claim` (also storing in an inbox), `renew`, `commit`, `release` |
//! | `tower_auth_sync_webhook_last_verified_timestamp_seconds` | gauge | `source` | when a request last verified, duplicates included, as Unix time |
//! | `tower_auth_sync_webhook_age_seconds` | histogram | `source` | from the signed time to the verification; nothing where the scheme has no time |
//! | `tower_auth_sync_webhook_duration_seconds` | histogram | `source` | from a request's head to the end of its handler, for requests that were handed on |
//! | `tower_auth_sync_inbox_runs_total` | counter | `source`, `outcome` | runs of the handler by an `InboxWorker` (feature `inbox`): `done`, `retry`, `failed` (no attempt was left), `lost` (another worker had the message) |
//! | `tower_auth_sync_inbox_run_duration_seconds` | histogram | `source` | how long such a run took |
//!
//! `source` is the receiver's configured name, as in
//! [`MemoryDedupe::dedupe`](crate::receive::dedupe::MemoryDedupe::dedupe); `memory` for a layer with a store of
//! its own, and `none` for one without. No label comes from a request: neither a stranger nor a tenant
//! makes a new time series.
//!
//! The seconds since the last verified event of a source are `time() -
//! tower_auth_sync_webhook_last_verified_timestamp_seconds`: a time that is reported goes on to be
//! true when nothing is received any more, an age that is reported does not.

mod catalog;
#[cfg(test)]
pub(crate) mod counted;
mod instrument;

pub(crate) use self::catalog::{
    ACCEPTED, AGE, DUPLICATES, DURATION, HANDLED, LAST_VERIFIED, Metric, REFUSED, STORE_ERRORS,
};
pub(crate) use self::catalog::{INBOX_RUN_DURATION, INBOX_RUNS};
pub(crate) use self::instrument::{Counter, Gauge, Histogram, Timer};

use ::metrics::{Unit, with_recorder};

use self::catalog::{CATALOG, Kind};

/// Tells the recorder that is installed what each metric means, and its unit.
///
/// To be called once, after the recorder was installed.
pub fn describe() {
    with_recorder(|recorder| {
        for metric in CATALOG {
            let (name, help) = (metric.name.into(), metric.help.into());
            match metric.kind {
                Kind::Counter => recorder.describe_counter(name, Some(Unit::Count), help),
                Kind::Gauge => recorder.describe_gauge(name, Some(Unit::Seconds), help),
                Kind::Histogram => recorder.describe_histogram(name, Some(Unit::Seconds), help),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_metric_and_no_other() {
        let rows = include_str!("mod.rs").lines();
        let rows = rows.filter_map(|line| line.strip_prefix("//! | `"));
        let named: Vec<_> = rows
            .map(|row| {
                let mut cells = row.split(" | ");
                let name = cells.next().unwrap().trim_end_matches('`');
                (name, cells.next().unwrap())
            })
            .collect();
        let known: Vec<_> = CATALOG
            .iter()
            .map(|metric| (metric.name, metric.kind.word()))
            .collect();
        assert_eq!(named, known);
    }
}
