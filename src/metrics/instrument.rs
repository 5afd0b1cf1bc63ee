//! Counters, gauges, histograms and timers.

use ::metrics::{Key, Label, Level, Metadata, with_recorder};
use tokio::time::Instant;

use super::catalog::Metric;

const METADATA: Metadata<'static> =
    Metadata::new("tower_auth_sync", Level::INFO, Some("tower_auth_sync"));

/// Counts events.
#[derive(Clone, Debug)]
pub(crate) struct Counter(Key);

/// Shows a value.
#[derive(Clone, Debug)]
pub(crate) struct Gauge(Key);

/// Collects values.
#[derive(Clone, Debug)]
pub(crate) struct Histogram(Key);

/// Creates a key once. Each use looks up the recorder, since a program may install it after it builds
/// its layers.
fn key(metric: &Metric, labels: &[(&'static str, &str)]) -> Key {
    let labels = labels
        .iter()
        .map(|(name, value)| Label::new(*name, (*value).to_owned()));
    Key::from_parts(metric.name, labels.collect::<Vec<_>>())
}

impl Counter {
    pub(crate) fn new(metric: &Metric, labels: &[(&'static str, &str)]) -> Self {
        Self(key(metric, labels))
    }

    pub(crate) fn add_one(&self) {
        with_recorder(|recorder| recorder.register_counter(&self.0, &METADATA).increment(1));
    }
}

impl Gauge {
    pub(crate) fn new(metric: &Metric, labels: &[(&'static str, &str)]) -> Self {
        Self(key(metric, labels))
    }

    pub(crate) fn set(&self, value: f64) {
        with_recorder(|recorder| recorder.register_gauge(&self.0, &METADATA).set(value));
    }
}

impl Histogram {
    pub(crate) fn new(metric: &Metric, labels: &[(&'static str, &str)]) -> Self {
        Self(key(metric, labels))
    }

    pub(crate) fn record(&self, value: f64) {
        with_recorder(|recorder| {
            recorder
                .register_histogram(&self.0, &METADATA)
                .record(value)
        });
    }
}

/// Measures a duration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer(Instant);

impl Timer {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
