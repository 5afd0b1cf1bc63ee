//! Which exchanges are looked at, and what they say: the port, and a map of own routes.

use std::borrow::Cow;
use std::fmt;

use http::{Method, StatusCode};

use super::exchange::Exchange;
use crate::event::AuthEvent;

/// Says which exchanges a [`SyncEmitterLayer`](super::SyncEmitterLayer) looks at, and which events
/// they are.
///
/// Implementations are pure: the same exchange always gives the same events. A panic of a rule is
/// handed on to the caller like one of the inner service, and the events are lost.
///
/// [`BetterAuthRoutes`](super::BetterAuthRoutes) knows Better Auth's routes; [`RouteMap`] takes
/// closures for yours.
pub trait RouteRules: Send + Sync + 'static {
    /// Returns how to look at the exchange that begins with this request; `None` lets it pass
    /// untouched.
    ///
    /// `path` is what the layer sees: a router that nests strips its prefix.
    fn capture(&self, method: &Method, path: &str) -> Option<Capture>;

    /// Returns what happened. Called for an exchange whose request was to be captured, once its
    /// answer has one of the captured statuses.
    ///
    /// Out of the events, fields that are named like a secret or hold a secret value of the
    /// exchange are removed afterwards.
    fn events(&self, exchange: &Exchange) -> Vec<AuthEvent>;
}

/// How to look at an exchange.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Capture {
    pub(super) statuses: Cow<'static, [StatusCode]>,
    pub(super) session: SessionUse,
    pub(super) reads_request: bool,
}

/// When the session is looked up.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum SessionUse {
    #[default]
    None,
    Before,
    BeforeAndAfter,
}

impl Capture {
    /// Looks at answers with one of these statuses.
    #[must_use]
    pub fn on(statuses: impl Into<Cow<'static, [StatusCode]>>) -> Self {
        Self {
            statuses: statuses.into(),
            session: SessionUse::None,
            reads_request: true,
        }
    }

    /// Says that the rule does not look at the request's body: one that is longer than the
    /// [cap](super::SyncEmitterLayer::with_body_cap) or content-encoded goes on as a stream.
    /// Default: the rule does, and such a request is refused, so that no caller can hide an event.
    #[must_use]
    pub const fn without_request_body(mut self) -> Self {
        self.reads_request = false;
        self
    }

    /// Also looks the session up before the call, if the layer
    /// [knows how](super::SyncEmitterLayer::with_sessions).
    #[must_use]
    pub const fn with_session(mut self) -> Self {
        self.session = SessionUse::Before;
        self
    }

    /// Looks it up before the call and, if somebody was signed in and the answer has a captured
    /// status, once more after it: for a change that the answer does not show.
    #[must_use]
    pub const fn with_session_after(mut self) -> Self {
        self.session = SessionUse::BeforeAndAfter;
        self
    }
}

/// Rules for own routes: exact method, path and status, and a closure that makes the events.
///
/// ```
/// use http::{Method, StatusCode};
/// use tower_auth_sync::emit::RouteMap;
/// use tower_auth_sync::event::{AuthEvent, User};
///
/// let rules = RouteMap::new().on(Method::POST, "/register", StatusCode::CREATED, |exchange| {
///     let id = exchange.response_json()["id"].as_str()?;
///     Some(AuthEvent::user_created(&User::new(id)))
/// });
/// ```
#[derive(Default)]
pub struct RouteMap {
    routes: Vec<Route>,
    ignores_requests: bool,
}

struct Route {
    method: Method,
    path: Box<str>,
    status: StatusCode,
    session: SessionUse,
    events: Events,
}

/// A rule as a closure.
type Events = Box<dyn Fn(&Exchange) -> Vec<AuthEvent> + Send + Sync>;

impl RouteMap {
    /// Creates a map without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route. Several for one method, path and status are all asked, in this order.
    ///
    /// `events` may return an `Option`, an array or a `Vec`.
    #[must_use]
    pub fn on<I>(
        self,
        method: Method,
        path: impl Into<Box<str>>,
        status: StatusCode,
        events: impl Fn(&Exchange) -> I + Send + Sync + 'static,
    ) -> Self
    where
        I: IntoIterator<Item = AuthEvent>,
    {
        self.add(method, path.into(), status, SessionUse::None, events)
    }

    /// Adds a route that needs to know who was [signed in](Exchange::session) before the call.
    #[must_use]
    pub fn on_with_session<I>(
        self,
        method: Method,
        path: impl Into<Box<str>>,
        status: StatusCode,
        events: impl Fn(&Exchange) -> I + Send + Sync + 'static,
    ) -> Self
    where
        I: IntoIterator<Item = AuthEvent>,
    {
        self.add(method, path.into(), status, SessionUse::Before, events)
    }

    /// Says that no closure of this map looks at a request's body, as
    /// [`Capture::without_request_body`] does for one rule. Default: they do.
    #[must_use]
    pub const fn without_request_bodies(mut self) -> Self {
        self.ignores_requests = true;
        self
    }

    fn add<I>(
        mut self,
        method: Method,
        path: Box<str>,
        status: StatusCode,
        session: SessionUse,
        events: impl Fn(&Exchange) -> I + Send + Sync + 'static,
    ) -> Self
    where
        I: IntoIterator<Item = AuthEvent>,
    {
        self.routes.push(Route {
            method,
            path,
            status,
            session,
            events: Box::new(move |exchange| events(exchange).into_iter().collect()),
        });
        self
    }

    fn matching<'a>(
        &'a self,
        method: &'a Method,
        path: &'a str,
    ) -> impl Iterator<Item = &'a Route> {
        self.routes
            .iter()
            .filter(move |route| route.method == *method && *route.path == *path)
    }
}

impl RouteRules for RouteMap {
    fn capture(&self, method: &Method, path: &str) -> Option<Capture> {
        let session = self.matching(method, path).map(|it| it.session).max()?;
        let statuses: Vec<_> = self.matching(method, path).map(|it| it.status).collect();
        Some(Capture {
            statuses: statuses.into(),
            session,
            reads_request: !self.ignores_requests,
        })
    }

    fn events(&self, exchange: &Exchange) -> Vec<AuthEvent> {
        self.matching(exchange.method(), exchange.path())
            .filter(|route| route.status == exchange.status())
            .flat_map(|route| (route.events)(exchange))
            .collect()
    }
}

impl fmt::Debug for RouteMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self
            .routes
            .iter()
            .map(|route| (&route.method, &route.path, route.status));
        f.debug_list().entries(routes).finish()
    }
}
