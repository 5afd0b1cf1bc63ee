//! Metrics of the crate, through the facade [`metrics`](https://docs.rs/metrics).
//!
//! Every recorder of that facade collects them; without a recorder they have no effect. The program may
//! install the recorder before or after it builds the layers.
//!
//! | metric | kind | labels | meaning |
//! |---|---|---|---|
//! | `tower_auth_sync_webhooks_accepted_total` | counter | `source` | new verified requests, passed to the handler or stored in the inbox |
//! | `tower_auth_sync_webhooks_refused_total` | counter | `source`, `reason` | refused requests; `reason` is the slug of the response ([`ProblemKind`](crate::wire::problem::ProblemKind)) |
//! | `tower_auth_sync_webhooks_duplicates_total` | counter | `source`, `kind` | requests whose message is finished or in progress: `in_flight` (409), `done` (200) |
//! | `tower_auth_sync_webhooks_handled_total` | counter | `source`, `outcome` | finished runs of the handler behind the layer: `success` (2xx), `failure` (another status, or an error), `cancelled` (a panic, or a disconnected client) |
//! | `tower_auth_sync_webhook_store_errors_total` | counter | `source`, `operation` | failed calls of the store of messages: `claim` (also storing in an inbox), `renew`, `commit`, `release` |
//! | `tower_auth_sync_webhook_last_verified_timestamp_seconds` | gauge | `source` | time of the last verified request, duplicates included, as Unix time |
//! | `tower_auth_sync_webhook_age_seconds` | histogram | `source` | time from the signature to the verification; no value for a scheme without a time |
//! | `tower_auth_sync_webhook_duration_seconds` | histogram | `source` | time from a request's head to the end of its handler, for requests that reach the handler |
//! | `tower_auth_sync_inbox_runs_total` | counter | `source`, `outcome` | runs of the handler by an `InboxWorker`: `done`, `retry`, `failed` (no attempt remains), `lost` (another worker has the message) |
//! | `tower_auth_sync_inbox_run_duration_seconds` | histogram | `source` | duration of such a run |
//!
//! `source` is the receiver's configured name, as in
//! [`MemoryDedupe::dedupe`](crate::receive::dedupe::MemoryDedupe::dedupe); `memory` for a layer with its own
//! store, and `none` for a layer without a store. No label comes from a request: neither a sender nor a
//! tenant can create a time series.
//!
//! The seconds since the last verified event of a source are `time() -
//! tower_auth_sync_webhook_last_verified_timestamp_seconds`: a reported time stays true
//! while no request arrives, a reported age does not.

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

use self::catalog::{CATALOG, MetricKind};

/// Describes each metric and its unit to the installed recorder.
///
/// Call once, after the installation of the recorder.
///
/// ```
/// // Install a recorder first, such as that of `metrics-exporter-prometheus`.
/// tower_auth_sync::metrics::describe();
/// ```
pub fn describe() {
    with_recorder(|recorder| {
        for metric in CATALOG {
            let (name, help) = (metric.name.into(), metric.help.into());
            match metric.kind {
                MetricKind::Counter => recorder.describe_counter(name, Some(Unit::Count), help),
                MetricKind::Gauge => recorder.describe_gauge(name, Some(Unit::Seconds), help),
                MetricKind::Histogram => {
                    recorder.describe_histogram(name, Some(Unit::Seconds), help)
                }
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
