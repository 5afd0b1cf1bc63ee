//! The settings of a layer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::rules::RouteRules;
use crate::base::error::StoreFailurePolicy;
use crate::send::outbox::Emitter;

/// The settings, shared by all services and tasks.
#[derive(Clone)]
pub(super) struct EmitSettings {
    pub(super) emitter: Emitter,
    pub(super) rules: Arc<dyn RouteRules>,
    pub(super) store_failure_policy: StoreFailurePolicy,
    /// Whether the layer makes an uncaptured call in a task, too.
    pub(super) every_request: bool,
    pub(super) body_limit: usize,
    pub(super) response_timeout: Duration,
}

impl fmt::Debug for EmitSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmitSettings")
            .field("emitter", &self.emitter)
            .field("every_request", &self.every_request)
            .field("store_failure_policy", &self.store_failure_policy)
            .field("body_limit", &self.body_limit)
            .field("response_timeout", &self.response_timeout)
            .finish_non_exhaustive()
    }
}
