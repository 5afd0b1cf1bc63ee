//! Names, units and meanings of the metrics. A test compares them with the table of the module.

/// A metric, for all its labels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: MetricKind,
    pub(crate) help: &'static str,
}

/// Kind of a metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MetricKind {
    Counter,
    /// In seconds.
    Gauge,
    /// In seconds.
    Histogram,
}

#[cfg(test)]
impl MetricKind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! catalog {
    ($($name:ident: $kind:ident, $text:literal, $help:literal;)*) => {
        $(
            pub(crate) const $name: Metric = Metric {
                name: concat!("tower_auth_sync_", $text),
                kind: MetricKind::$kind,
                help: $help,
            };
        )*

        /// Every metric of the crate.
        pub(crate) const CATALOG: &[Metric] = &[$($name),*];
    };
}

catalog! {
    ACCEPTED: Counter, "webhooks_accepted_total",
        "New verified requests, passed to the handler or stored in the inbox";
    REFUSED: Counter, "webhooks_refused_total",
        "Refused requests, by the slug of the response";
    DUPLICATES: Counter, "webhooks_duplicates_total",
        "Requests whose message is finished or in progress";
    HANDLED: Counter, "webhooks_handled_total",
        "Finished runs of the handler, by outcome";
    STORE_ERRORS: Counter, "webhook_store_errors_total",
        "Failed calls of the store of messages";
    LAST_VERIFIED: Gauge, "webhook_last_verified_timestamp_seconds",
        "Time of the last verified request, as Unix time";
    AGE: Histogram, "webhook_age_seconds",
        "Time from the signature to the verification";
    DURATION: Histogram, "webhook_duration_seconds",
        "Time from a request's head to the end of its handler";
    INBOX_RUNS: Counter, "inbox_runs_total",
        "Runs of the handler behind an inbox, by outcome";
    INBOX_RUN_DURATION: Histogram, "inbox_run_duration_seconds",
        "Duration of a run of the handler behind an inbox";
}
