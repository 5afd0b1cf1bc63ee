//! The layer: configuration only.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use super::rules::{RouteMap, RouteRules};
use super::service::SyncEmitter;
use crate::delivery::Emitter;

/// Stores the auth events of a service's answers before it lets them go.
///
/// See the [module docs](crate::emit) for the order of steps.
///
/// # Example
///
/// ```
/// # use tower_auth_sync::{delivery::Emitter, emit::{BetterAuthRoutes, GetSession, SyncEmitterLayer}};
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

/// What to do with the answer of a call whose events could not be stored.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum UnstoredAnswer {
    /// The caller gets 503 `events-lost` instead, although the call was made; and while the store is
    /// known to be down, calls are refused with 503 `store-unavailable` before they are made.
    #[default]
    Refuse,
    /// The caller gets the answer, and the events are lost: each is logged as an error by its name.
    LetGo,
}

/// Everything the layer was told; shared by all services and tasks.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) emitter: Emitter,
    pub(super) rules: Arc<dyn RouteRules>,
    pub(super) on_store_failure: UnstoredAnswer,
    /// Whether a request that no rule captures is called in a task, too.
    pub(super) every_request: bool,
    pub(super) body_cap: usize,
    pub(super) answer_deadline: Duration,
}

/// 4 MiB: a user with a picture of megabytes in a field is still seen.
pub(super) const DEFAULT_BODY_CAP: usize = 4 * 1024 * 1024;

/// As long as a proxy waits for an answer by default (nginx: 60 s).
const DEFAULT_ANSWER_DEADLINE: Duration = Duration::from_secs(60);

impl SyncEmitterLayer {
    /// Creates a layer that stores what `rules` see, and what handlers declare with
    /// [`Emit`](super::Emit), through `emitter`.
    pub fn new(emitter: Emitter, rules: impl RouteRules) -> Self {
        Self {
            settings: Arc::new(Settings {
                emitter,
                rules: Arc::new(rules),
                on_store_failure: UnstoredAnswer::default(),
                every_request: false,
                body_cap: DEFAULT_BODY_CAP,
                answer_deadline: DEFAULT_ANSWER_DEADLINE,
            }),
        }
    }

    /// Creates a layer for own handlers that declare events with [`Emit`](super::Emit): no rules,
    /// and *every* request is called in a task of its own, once the store has answered a ping.
    ///
    /// So a caller that hangs up does not cancel the handler between its change and its answer, and
    /// while the store is down no handler is called. Put it on the routes that declare events, since
    /// every other request behind it would be refused as well while the store is down.
    ///
    /// ```
    /// # use tower_auth_sync::{delivery::Emitter, emit::SyncEmitterLayer};
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

    /// Sets what happens to an answer whose events could not be stored. Default:
    /// [`UnstoredAnswer::Refuse`].
    pub fn on_store_failure(mut self, choice: UnstoredAnswer) -> Self {
        self.change().on_store_failure = choice;
        self
    }

    /// Sets how many bytes of a captured request's body, and of its answer's, are held in memory
    /// and shown to the rules. Default: 4 MiB.
    ///
    /// A longer request is refused with 413 where its rule goes by the body, and handed on as a
    /// stream elsewhere. The events of a longer response are lost, unless the session tells them.
    pub fn with_body_cap(mut self, bytes: usize) -> Self {
        self.change().body_cap = bytes;
        self
    }

    /// Sets how long the body of a captured answer may take, from its head to its end. Default: 60 s.
    ///
    /// After that the events are lost, unless the session tells them. How long the inner service takes to begin an answer is its
    /// own business: give a proxy's client a timeout.
    pub fn with_answer_deadline(mut self, deadline: Duration) -> Self {
        self.change().answer_deadline = deadline;
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

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("emitter", &self.emitter)
            .field("every_request", &self.every_request)
            .field("on_store_failure", &self.on_store_failure)
            .field("body_cap", &self.body_cap)
            .field("answer_deadline", &self.answer_deadline)
            .finish_non_exhaustive()
    }
}
