//! Rules for own routes, as a map of closures.

use std::fmt;

use http::{Method, StatusCode};

use super::exchange::Exchange;
use super::rules::{Capture, RouteRules, SessionUse};
use crate::session::{SessionLookup, Sessions};
use crate::wire::event::AuthEvent;

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
    routes: Vec<MappedRoute>,
    sessions: Option<Sessions>,
    ignores_requests: bool,
}

struct MappedRoute {
    method: Method,
    path: Box<str>,
    status: StatusCode,
    session: SessionUse,
    events: EventsFn,
}

/// A rule as a closure.
type EventsFn = Box<dyn Fn(&Exchange) -> Vec<AuthEvent> + Send + Sync>;

impl RouteMap {
    /// Creates a map without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route. Several routes for one method, path and status run in the order of their
    /// addition.
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

    /// Adds a route that needs the caller's [session](Exchange::session) before the call.
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

    /// Sets the look-up of sessions, for the routes that
    /// [need one](Self::on_with_session). Default: none, nobody is signed in.
    #[must_use]
    pub fn with_sessions(mut self, lookup: impl SessionLookup) -> Self {
        self.sessions = Some(Sessions::new(lookup));
        self
    }

    /// Declares that no closure of this map depends on a request's body, as
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
        self.routes.push(MappedRoute {
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
    ) -> impl Iterator<Item = &'a MappedRoute> {
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
            session,
            reads_request: !self.ignores_requests,
            ..Capture::on(statuses)
        })
    }

    fn sessions(&self) -> Option<&Sessions> {
        self.sessions.as_ref()
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
