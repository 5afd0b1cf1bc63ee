//! Which exchanges are looked at, and what they say: the port, and a map of own routes.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::exchange::Exchange;
use crate::session::{SessionLookup, Sessions};
use crate::wire::event::AuthEvent;

/// Says which exchanges a [`SyncEmitterLayer`](super::layer::SyncEmitterLayer) looks at, and which events
/// they are.
///
/// Implementations are pure: the same exchange always gives the same events. A panic of a rule is
/// handed on to the caller like one of the inner service, and the events are lost.
///
/// [`BetterAuthRoutes`](crate::send::better_auth::BetterAuthRoutes) knows Better Auth's routes; [`RouteMap`] takes
/// closures for yours.
pub trait RouteRules: Send + Sync + 'static {
    /// Returns how to look at the exchange that begins with this request; `None` lets it pass
    /// untouched.
    ///
    /// `path` is what the layer sees: a router that nests strips its prefix.
    fn capture(&self, method: &Method, path: &str) -> Option<Capture>;

    /// Returns how to find out who is signed in. Default: nobody ever is.
    fn sessions(&self) -> Option<&Sessions> {
        None
    }

    /// Returns what happened. Called for an exchange whose request was to be captured, if its
    /// response is a captured one.
    ///
    /// Out of the events, fields that are named like a secret or hold a secret value of the
    /// exchange are removed afterwards.
    fn events(&self, exchange: &Exchange) -> Vec<AuthEvent>;
}

/// How to look at an exchange.
#[derive(Clone, Debug)]
pub struct Capture {
    pub(crate) responses: Responses,
    pub(crate) session: SessionUse,
    pub(crate) reads_request: bool,
    pub(crate) body: BodyUse,
    pub(crate) listing: Listing,
}

/// The responses that are looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Responses {
    /// Those with one of these statuses.
    WithStatus(Cow<'static, [StatusCode]>),
    /// All but refusals (4xx) that leave the session cookie as it is.
    ThatMayChangeSomething,
    /// Those that change the session cookie.
    ThatChangeTheCookie,
}

/// How the caller's session is found.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum SessionUse {
    #[default]
    None,
    /// Looked up before the call.
    Before,
    /// Looked up before the call and after it.
    BeforeAndAfter,
    /// Before the call by its cookie, without a look-up; looked up after it.
    CookieAndAfter,
}

/// What a rule needs of a response's body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyUse {
    /// Nothing: it is not read.
    None,
    /// JSON; a body of another media type is none of its business.
    IfJson,
    /// JSON, whatever the media type says.
    Json,
    /// As `Json`, but the caller's session tells as much.
    JsonOrSession,
}

/// What is read of the auth server besides the caller's session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Listing {
    #[default]
    None,
    /// The resource at the path that is made of the request's headers and body, before the call.
    Before(fn(&HeaderMap, &Value) -> Option<String>),
    /// The session whose token is in the request's body under this key, before the call.
    SessionOf(&'static str),
    /// The resource at this path with the credentials from before the call, after the call, if the
    /// caller has another session then.
    IfReplaced(&'static str),
}

impl Capture {
    /// Looks at responses with one of these statuses.
    #[must_use]
    pub fn on(statuses: impl Into<Cow<'static, [StatusCode]>>) -> Self {
        Self {
            responses: Responses::WithStatus(statuses.into()),
            session: SessionUse::None,
            reads_request: true,
            body: BodyUse::IfJson,
            listing: Listing::None,
        }
    }

    /// Says that the rule does not look at the request's body: one that is longer than the
    /// [cap](super::layer::SyncEmitterLayer::with_body_limit) or content-encoded goes on as a stream.
    /// Default: the rule does, and such a request is refused, so that no caller can hide an event.
    #[must_use]
    pub const fn without_request_body(mut self) -> Self {
        self.reads_request = false;
        self
    }

    /// Also looks the session up before the call, by the rules' [`sessions`](RouteRules::sessions).
    #[must_use]
    pub const fn with_session(mut self) -> Self {
        self.session = SessionUse::Before;
        self
    }

    /// Looks it up before the call and, if the response is a captured one, once more after it with
    /// the cookies that the response sets: for a change that the response does not show.
    #[must_use]
    pub const fn with_session_after(mut self) -> Self {
        self.session = SessionUse::BeforeAndAfter;
        self
    }

    /// Whether a rule names the request's path. Other exchanges are looked at only afterwards.
    pub(crate) fn is_named(&self) -> bool {
        self.responses != Responses::ThatChangeTheCookie
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
    sessions: Option<Sessions>,
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

    /// Sets how to find out who is signed in, for the routes that
    /// [need to know](Self::on_with_session). Default: nobody ever is.
    #[must_use]
    pub fn with_sessions(mut self, lookup: impl SessionLookup) -> Self {
        self.sessions = Some(Sessions::new(lookup));
        self
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
