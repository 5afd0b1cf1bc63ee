//! Rules, which capture exchanges and make their events: the port.

use std::borrow::Cow;

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::exchange::Exchange;
use crate::session::Sessions;
use crate::wire::event::AuthEvent;

/// Chooses the exchanges that a [`SyncEmitterLayer`](super::layer::SyncEmitterLayer) captures, and makes
/// their events.
///
/// Implementations are pure: the same exchange always gives the same events. A panic of a rule
/// resumes in the caller's task like one of the inner service, and the events are lost.
///
/// [`BetterAuthRoutes`](crate::send::better_auth::BetterAuthRoutes) knows Better Auth's routes;
/// [`RouteMap`](super::route_map::RouteMap) takes closures for yours.
///
/// ```
/// use http::{Method, StatusCode};
/// use tower_auth_sync::emit::{Capture, Exchange, RouteRules};
/// use tower_auth_sync::event::{AuthEvent, User};
///
/// struct Registrations;
///
/// impl RouteRules for Registrations {
///     fn capture(&self, method: &Method, path: &str) -> Option<Capture> {
///         let is_mine = *method == Method::POST && path == "/register";
///         is_mine.then(|| Capture::on(vec![StatusCode::CREATED]).without_request_body())
///     }
///
///     fn events(&self, exchange: &Exchange) -> Vec<AuthEvent> {
///         let id = exchange.response_json()["id"].as_str();
///         id.map(|id| AuthEvent::user_created(&User::new(id))).into_iter().collect()
///     }
/// }
/// ```
pub trait RouteRules: Send + Sync + 'static {
    /// Returns how to capture the exchange that begins with this request; `None` passes it on
    /// untouched.
    ///
    /// `path` is the path that the layer sees: a router that nests strips its prefix.
    fn capture(&self, method: &Method, path: &str) -> Option<Capture>;

    /// Returns the look-up of sessions. Default: none, nobody is signed in.
    fn sessions(&self) -> Option<&Sessions> {
        None
    }

    /// Returns the events of an exchange whose request and response are captured.
    ///
    /// Afterwards the layer removes fields that are named like a secret or hold a secret value of the
    /// exchange.
    fn events(&self, exchange: &Exchange) -> Vec<AuthEvent>;
}

/// How to capture an exchange.
#[derive(Clone, Debug)]
pub struct Capture {
    pub(crate) responses: Responses,
    pub(crate) session: SessionUse,
    pub(crate) reads_request: bool,
    pub(crate) body: BodyUse,
    pub(crate) listing: Listing,
}

/// The captured responses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Responses {
    /// Responses with one of these statuses.
    WithStatus(Cow<'static, [StatusCode]>),
    /// All responses but refusals (4xx) that leave the session cookie as it is.
    ThatMayChangeSomething,
    /// Responses that change the session cookie.
    ThatChangeTheCookie,
}

/// How the layer finds the caller's session.
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

/// What a rule needs from a response's body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyUse {
    /// Nothing: the layer does not read it.
    None,
    /// JSON; the layer does not read a body of another media type.
    IfJson,
    /// JSON, whatever the media type says.
    Json,
    /// As `Json`, but the caller's session shows the same.
    JsonOrSession,
}

/// What the layer reads from the auth server besides the caller's session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Listing {
    #[default]
    None,
    /// The resource at the path that the request's headers and body give, before the call.
    Before(fn(&HeaderMap, &Value) -> Option<String>),
    /// The session whose token is in the request's body under this key, before the call.
    SessionOf(&'static str),
    /// The resource at this path, read after the call with the credentials from before it, if the
    /// caller has another session by then.
    IfReplaced(&'static str),
}

impl Capture {
    /// Captures responses with one of these statuses.
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

    /// Declares that the rule does not depend on the request's body: one that exceeds the
    /// [limit](super::layer::SyncEmitterLayer::with_body_limit) or is content-encoded goes on as a
    /// stream. Default: the rule depends on it, and the layer refuses such a request, so that no
    /// caller can hide an event.
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

    /// Looks the session up before the call and, if the response is captured, again after the call
    /// with the cookies that the response sets: for a change that the response does not show.
    #[must_use]
    pub const fn with_session_after(mut self) -> Self {
        self.session = SessionUse::BeforeAndAfter;
        self
    }

    /// Returns whether a rule names the request's path. The layer looks at other exchanges only
    /// after the call.
    pub(crate) fn is_named(&self) -> bool {
        self.responses != Responses::ThatChangeTheCookie
    }
}
