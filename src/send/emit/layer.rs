//! The layer: configuration only.

use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use super::route_map::RouteMap;
use super::rules::RouteRules;
use super::service::SyncEmitter;
use super::settings::EmitSettings;
use crate::base::error::StoreFailurePolicy;
use crate::send::outbox::Emitter;
use crate::session::RESPONSE_LIMIT;

/// Stores the auth events of a service's responses before it releases the responses.
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
    settings: Arc<EmitSettings>,
}

impl SyncEmitterLayer {
    /// Creates a layer that stores, through `emitter`, the events of `rules` and those that handlers
    /// declare with [`Emit`](super::declared::Emit).
    pub fn new(emitter: Emitter, rules: impl RouteRules) -> Self {
        Self {
            settings: Arc::new(EmitSettings {
                emitter,
                rules: Arc::new(rules),
                store_failure_policy: StoreFailurePolicy::default(),
                every_request: false,
                body_limit: RESPONSE_LIMIT,
                response_timeout: DEFAULT_RESPONSE_TIMEOUT,
            }),
        }
    }

    /// Creates a layer for own handlers that declare events with [`Emit`](super::declared::Emit): no
    /// rules, and the layer makes *every* call in a task of its own, after the store responded to a
    /// ping.
    ///
    /// So a caller that hangs up does not cancel the handler between its change and its response, and
    /// while the store is down no handler is called. Put it on the routes that declare events: while
    /// the store is down, it refuses every other request behind it as well.
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

    /// Sets the fate of a response whose events could not be stored. Default:
    /// [`StoreFailurePolicy::FailClosed`]: the caller gets 503 `events-lost` instead, although the
    /// call was made; and while the store does not respond to a ping, the layer refuses calls with
    /// 503 `store-unavailable` before it makes them.
    ///
    /// With [`StoreFailurePolicy::FailOpen`] the caller gets the response, and the events are lost:
    /// the layer logs the name of each as an error.
    pub fn with_store_failure_policy(mut self, policy: StoreFailurePolicy) -> Self {
        self.change().store_failure_policy = policy;
        self
    }

    /// Sets the limit in bytes of a captured request's body, and of its response's, both of which the
    /// layer holds in memory and shows to the rules. Default: 4 MiB.
    ///
    /// The layer refuses a longer request with 413 where its rule depends on the body, and passes it
    /// on as a stream elsewhere. The events of a longer response are lost, unless the session shows
    /// them.
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.change().body_limit = bytes;
        self
    }

    /// Sets the timeout of a captured response's body, from the head to the end. Default: 60 s.
    ///
    /// After that the events are lost, unless the session shows them. The layer does not limit the
    /// time to the head: give a proxy's client a timeout.
    pub fn with_response_timeout(mut self, timeout: Duration) -> Self {
        self.change().response_timeout = timeout;
        self
    }

    fn change(&mut self) -> &mut EmitSettings {
        Arc::make_mut(&mut self.settings)
    }
}

impl<S> Layer<S> for SyncEmitterLayer {
    type Service = SyncEmitter<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SyncEmitter::new(inner, Arc::clone(&self.settings))
    }
}

/// As long as a proxy waits for a response by default (nginx: 60 s).
const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
