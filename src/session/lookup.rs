//! Sessions: the port, and the erased handle that the layer holds.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Response};
use serde_json::{Map, Value};

use crate::base::erased::erased;
use crate::base::error::BoxError;
use crate::wire::event::{AuthEvent, Session, User, handle, handle_of};
use crate::wire::json::text;

/// Finds the session of a request by its cookie or bearer token.
///
/// Many responses do not name the user: the response to a sign-out is `{"success":true}` with and
/// without a session. So the layer looks the session up before and after the call, and the difference
/// makes the events.
///
/// # Contract
///
/// 1. `Ok(None)` means that nobody is signed in.
/// 2. `Err` means that the look-up failed. Before the call, the layer responds 503 `session-unknown`
///    and does not make it; after the call, the events are lost.
/// 3. A look-up has no effect on the session, and its result is never from a cache.
/// 4. Its timeout is 5 s; then the layer drops it, and it has failed.
///
/// A closure `Fn(HeaderMap) -> impl Future` is a look-up too:
///
/// ```
/// use http::HeaderMap;
/// use tower_auth_sync::session::{ActiveSession, Sessions};
///
/// let nobody = Sessions::new(async |_headers: HeaderMap| Ok(None::<ActiveSession>));
/// ```
pub trait SessionLookup: Send + Sync + 'static {
    /// Returns the session of these request headers.
    fn session(
        &self,
        headers: &HeaderMap,
    ) -> impl Future<Output = Result<Option<ActiveSession>, BoxError>> + Send;

    /// Reads `path` (below the auth server's base path, such as `/list-sessions`) with the
    /// credentials in `headers`, and returns the response's status and, if that is 200, its JSON.
    ///
    /// `Ok(None)`, the default, means that this look-up cannot read. Then sessions that end in bulk
    /// make no events of their own, and a replaced session counts as ended.
    fn read(
        &self,
        headers: &HeaderMap,
        path: &str,
    ) -> impl Future<Output = Result<Option<Response<Value>>, BoxError>> + Send {
        let _ = (headers, path);
        std::future::ready(Ok(None))
    }
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

/// A session and its user.
///
/// ```
/// use tower_auth_sync::session::ActiveSession;
///
/// let response = serde_json::json!({
///     "session": { "id": "ses_1", "userId": "usr_1", "token": "secret" },
///     "user": { "id": "usr_1" },
/// });
/// let active = ActiveSession::from_json(&response).expect("a session");
/// assert_eq!(active.user()["id"], "usr_1");
/// ```
#[derive(Clone)]
pub struct ActiveSession {
    user: Map<String, Value>,
    session: Map<String, Value>,
}

impl ActiveSession {
    /// Makes one from typed resources.
    #[must_use]
    pub fn new(user: &User, session: &Session) -> Self {
        Self {
            user: AuthEvent::user_updated(user).data().clone(),
            session: AuthEvent::session_created(session).data().clone(),
        }
    }

    /// Reads the response of Better Auth's `get-session`: `{"session":{…},"user":{…}}`, or `null` if
    /// nobody is signed in. Events carry the handle of the session's `token`, never the token.
    #[must_use]
    pub fn from_json(response: &Value) -> Option<Self> {
        let user = response.get("user")?.as_object()?;
        let session = response.get("session")?.as_object()?;
        Some(Self {
            user: user.clone(),
            session: session.clone(),
        })
    }

    /// Makes one of which only the token is known.
    pub(crate) fn of_token(token: &str) -> Self {
        let handle = ("handle".to_owned(), handle(token));
        Self {
            user: Map::new(),
            session: Map::from_iter([handle]),
        }
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

    pub(crate) fn user_id(&self) -> Option<&str> {
        text(&self.user, "id").or_else(|| text(&self.session, "userId"))
    }

    pub(crate) fn handle(&self) -> Option<Value> {
        handle_of(&self.session)
    }
}

/// Shows no field.
impl fmt::Debug for ActiveSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveSession").finish_non_exhaustive()
    }
}

/// Timeout of a look-up.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

erased! {
    /// [`SessionLookup`] as an object.
    trait DynSessionLookup: SessionLookup;
    async SessionLookup::session(headers: &'a HeaderMap) -> Result<Option<ActiveSession>, BoxError>;
    async SessionLookup::read(headers: &'a HeaderMap, path: &'a str) -> Result<Option<Response<Value>>, BoxError>;
}

/// A [`SessionLookup`] of any type. Clones are cheap and share it; a look-up takes 5 s at most.
///
/// ```
/// use http::HeaderMap;
/// use tower_auth_sync::BoxError;
/// use tower_auth_sync::session::{ActiveSession, Sessions};
///
/// // A lookup that finds nobody.
/// let sessions = Sessions::new(|_headers: HeaderMap| async { Ok::<Option<ActiveSession>, BoxError>(None) });
/// ```
#[derive(Clone)]
pub struct Sessions(Arc<dyn DynSessionLookup>);

impl Sessions {
    /// Wraps `lookup`.
    #[must_use]
    pub fn new(lookup: impl SessionLookup) -> Self {
        Self(Arc::new(lookup))
    }

    pub(crate) async fn session(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<ActiveSession>, BoxError> {
        tokio::time::timeout(TIMEOUT, self.0.session(headers)).await?
    }

    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<Option<Response<Value>>, BoxError> {
        tokio::time::timeout(TIMEOUT, self.0.read(headers, path)).await?
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}
