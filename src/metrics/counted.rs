//! Access to the metrics for tests.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

/// Collects the metrics of this thread until it is dropped.
pub(crate) struct Counted {
    snapshotter: Snapshotter,
    _recording: ::metrics::LocalRecorderGuard<'static>,
}

impl Counted {
    pub(crate) fn begin() -> Self {
        // The guard borrows the recorder until the test ends.
        let recorder = Box::leak(Box::new(DebuggingRecorder::new()));
        Self {
            snapshotter: recorder.snapshotter(),
            _recording: ::metrics::set_default_local_recorder(recorder),
        }
    }

    /// Returns each counter and gauge as `name{label=value}`, and the values of each histogram.
    pub(crate) fn read(&self) -> BTreeMap<String, Vec<f64>> {
        let snapshot = self.snapshotter.snapshot().into_vec();
        let read = snapshot.into_iter().map(|(key, _, _, value)| {
            let key = key.key();
            let labels: Vec<_> = key
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            let name = key.name().trim_start_matches("tower_auth_sync_");
            #[expect(clippy::cast_precision_loss, reason = "a handful")]
            let values = match value {
                DebugValue::Counter(count) => vec![count as f64],
                DebugValue::Gauge(value) => vec![value.into_inner()],
                DebugValue::Histogram(values) => {
                    values.into_iter().map(|value| value.into_inner()).collect()
                }
            };
            (format!("{name}{{{}}}", labels.join(",")), values)
        });
        read.collect()
    }
}
