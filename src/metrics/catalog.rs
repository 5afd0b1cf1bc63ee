//! The metrics: names, units and what they mean. The table of the module says the same, which a test checks.

/// One metric, whatever its labels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
}

/// What an instrument does with a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Counter,
    /// In seconds.
    Gauge,
    /// In seconds.
    Histogram,
}

#[cfg(test)]
impl Kind {
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
                kind: Kind::$kind,
                help: $help,
            };
        )*

        /// Every metric of the crate.
        pub(crate) const CATALOG: &[Metric] = &[$($name),*];
    };
}

catalog! {
    ACCEPTED: Counter, "webhooks_accepted_total",
        "Requests that verified and were not known, handed on or put into the inbox";
    REFUSED: Counter, "webhooks_refused_total",
        "Requests that were refused, by the slug of the answer";
    DUPLICATES: Counter, "webhooks_duplicates_total",
        "Requests whose message was handled already or is being handled";
    HANDLED: Counter, "webhooks_handled_total",
        "Ends of the handler, by outcome";
    STORE_ERRORS: Counter, "webhook_store_errors_total",
        "Failed calls of the store that remembers messages";
    LAST_VERIFIED: Gauge, "webhook_last_verified_timestamp_seconds",
        "When a request last verified, as Unix time";
    AGE: Histogram, "webhook_age_seconds",
        "From the signed time to the verification";
    DURATION: Histogram, "webhook_duration_seconds",
        "From a request's head to the end of its handler";
    INBOX_RUNS: Counter, "inbox_runs_total",
        "Runs of the handler behind an inbox, by outcome";
    INBOX_RUN_DURATION: Histogram, "inbox_run_duration_seconds",
        "How long a run of the handler behind an inbox took";
}
