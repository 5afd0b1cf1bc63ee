//! The layer: configuration only.

use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use super::rules::{RouteMap, RouteRules};
use super::service::SyncEmitter;
use super::settings::Settings;
use crate::base::error::StoreFailurePolicy;
use crate::send::outbox::Emitter;
use crate::session::RESPONSE_LIMIT;

/// Stores the auth events of a service's answers before it lets them go.
///
/// See the [module docs](super) for the order of steps.
///
/// # Example
///
/// ```
/// # use tower_auth_sync::outbox::Emitter;
/// # use tower_auth_sync::better_auth::BetterAuthRoutes;
/// # use tower_auth_sync::session::GetSession;
/// # use tower_auth_sync::emit::SyncEmitterLayer;
/// # fn example(emitter: Emitter, auth: axum::Router) -> impl Clone {
/// let sessions = GetSession::new(auth, "/api/auth/get-session".parse().expect("a path"));
/// SyncEmitterLayer::new(emitter, BetterAuthRoutes::new(sessions))
/// # }
/// ```
#[must_use = "a layer does nothing until it wraps a service"]
#[derive(Clone, Debug)]
pub struct SyncEmitterLayer {
    settings: Arc<Settings>,
}

/// As long as a proxy waits for an answer by default (nginx: 60 s).
const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

impl SyncEmitterLayer {
    /// Creates a layer that stores what `rules` see, and what handlers declare with
    /// [`Emit`](super::declared::Emit), through `emitter`.
    pub fn new(emitter: Emitter, rules: impl RouteRules) -> Self {
        Self {
            settings: Arc::new(Settings {
                emitter,
                rules: Arc::new(rules),
                store_failure_policy: StoreFailurePolicy::default(),
                every_request: false,
                body_limit: RESPONSE_LIMIT,
                response_timeout: DEFAULT_RESPONSE_TIMEOUT,
            }),
        }
    }

    /// Creates a layer for own handlers that declare events with [`Emit`](super::declared::Emit): no rules,
    /// and *every* request is called in a task of its own, once the store has answered a ping.
    ///
    /// So a caller that hangs up does not cancel the handler between its change and its answer, and
    /// while the store is down no handler is called. Put it on the routes that declare events, since
    /// every other request behind it would be refused as well while the store is down.
    ///
    /// ```
    /// # use tower_auth_sync::outbox::Emitter;
    /// # use tower_auth_sync::emit::SyncEmitterLayer;
    /// # fn example(emitter: Emitter) -> impl Clone {
    /// // With axum: .route("/sign-up", post(sign_up).layer(…))
    /// SyncEmitterLayer::for_handlers(emitter)
    /// # }
    /// ```
    pub fn for_handlers(emitter: Emitter) -> Self {
        let mut layer = Self::new(emitter, RouteMap::new());
        layer.change().every_request = true;
        layer
    }

    /// Sets what happens to a response whose events could not be stored. Default:
    /// [`StoreFailurePolicy::FailClosed`]: the caller gets 503 `events-lost` instead, although the
    /// call was made; and while the store is known to be down, calls are refused with 503
    /// `store-unavailable` before they are made.
    ///
    /// With [`StoreFailurePolicy::FailOpen`] the caller gets the response, and the events are lost:
    /// each is logged as an error by its name.
    pub fn with_store_failure_policy(mut self, policy: StoreFailurePolicy) -> Self {
        self.change().store_failure_policy = policy;
        self
    }

    /// Sets how many bytes of a captured request's body, and of its answer's, are held in memory
    /// and shown to the rules. Default: 4 MiB.
    ///
    /// A longer request is refused with 413 where its rule goes by the body, and handed on as a
    /// stream elsewhere. The events of a longer response are lost, unless the session tells them.
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.change().body_limit = bytes;
        self
    }

    /// Sets how long the body of a captured answer may take, from its head to its end. Default: 60 s.
    ///
    /// After that the events are lost, unless the session tells them. How long the inner service takes to begin an answer is its
    /// own business: give a proxy's client a timeout.
    pub fn with_response_timeout(mut self, timeout: Duration) -> Self {
        self.change().response_timeout = timeout;
        self
    }

    fn change(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }
}

impl<S> Layer<S> for SyncEmitterLayer {
    type Service = SyncEmitter<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SyncEmitter::new(inner, Arc::clone(&self.settings))
    }
}
