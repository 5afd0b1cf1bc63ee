//! Who was signed in before the call: the port, and an adapter over any HTTP service.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::Full;
use serde_json::{Map, Value};
use tower_service::Service;

use super::lenient;
use crate::body::{BoxError, Limits, collect};
use crate::event::{AuthEvent, Session, User};

/// Resolves the session of a request from its cookie or bearer token.
///
/// Many answers do not say whom they are about: a sign-out answers `{"success":true}` with and
/// without a session. For a route whose [`Capture`](super::Capture) asks for it, the layer looks the
/// session up *before* the call, since afterwards it may be gone.
///
/// # Contract
///
/// 1. `Ok(None)` says that nobody is signed in; the rule then makes no event.
/// 2. `Err` says that it could not be found out: the layer answers 503 and the call is not made,
///    because its event would be lost.
/// 3. The lookup has no effect on the session.
/// 4. It is given 5 s; then it is dropped and counts as failed.
///
/// A closure `Fn(HeaderMap) -> impl Future` is a lookup too.
pub trait SessionLookup: Send + Sync + 'static {
    /// Returns the session that `headers` belong to.
    fn session(
        &self,
        headers: &HeaderMap,
    ) -> impl Future<Output = Result<Option<ActiveSession>, BoxError>> + Send;
}

impl<F, Fut> SessionLookup for F
where
    F: Fn(HeaderMap) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<ActiveSession>, BoxError>> + Send,
{
    fn session(
        &self,
        headers: &HeaderMap,
    ) -> impl Future<Output = Result<Option<ActiveSession>, BoxError>> + Send {
        self(headers.clone())
    }
}

/// A session and its user, before the call.
#[derive(Clone)]
pub struct ActiveSession {
    user: Map<String, Value>,
    session: Map<String, Value>,
}

impl ActiveSession {
    /// Makes one of typed resources.
    #[must_use]
    pub fn new(user: &User, session: &Session) -> Self {
        Self {
            user: AuthEvent::user_updated(user).data().clone(),
            session: AuthEvent::session_created(session).data().clone(),
        }
    }

    /// Takes the answer of Better Auth's `get-session`: `{"session":{…},"user":{…}}`, or `null`
    /// where nobody is signed in. The session's `token` becomes its handle and does not travel.
    #[must_use]
    pub fn from_json(answer: &Value) -> Option<Self> {
        let user = answer.get("user")?.as_object()?;
        let session = answer.get("session")?.as_object()?;
        Some(Self {
            user: user.clone(),
            session: session.clone(),
        })
    }

    /// Returns the user as the auth server shows it.
    #[must_use]
    pub const fn user(&self) -> &Map<String, Value> {
        &self.user
    }

    /// Returns the session as the auth server shows it.
    #[must_use]
    pub const fn session(&self) -> &Map<String, Value> {
        &self.session
    }
}

/// Shows nothing of either.
impl fmt::Debug for ActiveSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveSession").finish_non_exhaustive()
    }
}

/// Asks Better Auth's `get-session` through a service: the proxy's upstream, or the auth router
/// itself.
///
/// Sends the request's `Cookie` and `Authorization` headers, and nothing else of it. The answer may
/// have 64 KiB and take 5 s.
#[derive(Clone)]
pub struct GetSession<S> {
    service: S,
    uri: Uri,
}

impl<S> GetSession<S> {
    /// Creates a lookup that sends `GET` to `uri`, such as `/api/auth/get-session`, or
    /// `http://auth.internal/api/auth/get-session` for an HTTP client.
    ///
    /// With Better Auth, add `?disableRefresh=true&disableCookieCache=true`: the lookup should not
    /// prolong the session, and a cached cookie outlives a revocation.
    pub const fn new(service: S, uri: Uri) -> Self {
        Self { service, uri }
    }

    fn request(&self, headers: &HeaderMap) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = self.uri.clone();
        for name in [COOKIE, AUTHORIZATION] {
            for value in headers.get_all(&name) {
                request.headers_mut().append(&name, value.clone());
            }
        }
        request
    }
}

impl<S, B> SessionLookup for GetSession<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    async fn session(&self, headers: &HeaderMap) -> Result<Option<ActiveSession>, BoxError> {
        if !headers.contains_key(COOKIE) && !headers.contains_key(AUTHORIZATION) {
            return Ok(None);
        }
        let asked = ask(self.service.clone(), self.request(headers));
        tokio::time::timeout(DEADLINE, asked).await?
    }
}

async fn ask<S, B>(
    mut service: S,
    request: Request<Full<Bytes>>,
) -> Result<Option<ActiveSession>, BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    poll_fn(|cx| service.poll_ready(cx))
        .await
        .map_err(Into::into)?;
    let response = service.call(request).await.map_err(Into::into)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return Ok(None),
        status => return Err(GetSessionFailed(status).into()),
    }
    let body = collect(Vec::new(), response.into_body(), LIMITS, |_piece| {}).await?;
    let answer: Value = lenient::read(&body)?;
    match ActiveSession::from_json(&answer) {
        None if !answer.is_null() => Err(GetSessionFailed(StatusCode::OK).into()),
        session => Ok(session),
    }
}

impl<S> fmt::Debug for GetSession<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetSession")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

/// The auth server's answer says neither who nor that nobody is signed in.
#[derive(Debug, thiserror::Error)]
#[error("get-session answered {0} with something other than a session or null")]
struct GetSessionFailed(StatusCode);

const LIMITS: Limits = Limits {
    cap: 64 * 1024,
    deadline: DEADLINE,
};
const DEADLINE: Duration = Duration::from_secs(5);

/// The dyn twin of [`SessionLookup`].
trait DynLookup: Send + Sync {
    fn session<'a>(&'a self, headers: &'a HeaderMap) -> Looking<'a>;
}

type Looking<'a> =
    Pin<Box<dyn Future<Output = Result<Option<ActiveSession>, BoxError>> + Send + 'a>>;

impl<L: SessionLookup> DynLookup for L {
    fn session<'a>(&'a self, headers: &'a HeaderMap) -> Looking<'a> {
        Box::pin(SessionLookup::session(self, headers))
    }
}

/// A lookup whose type is forgotten, and that takes 5 s at most.
#[derive(Clone)]
pub(super) struct Sessions(Arc<dyn DynLookup>);

impl Sessions {
    pub(super) fn new(lookup: impl SessionLookup) -> Self {
        Self(Arc::new(lookup))
    }

    pub(super) async fn session(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<ActiveSession>, BoxError> {
        tokio::time::timeout(DEADLINE, self.0.session(headers)).await?
    }
}
