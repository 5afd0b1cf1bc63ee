//! A session look-up over any HTTP service.

use std::fmt;
use std::future::poll_fn;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tower_service::Service;

use super::RESPONSE_LIMIT;
use super::lookup::{ActiveSession, SessionLookup, TIMEOUT};
use crate::base::error::BoxError;
use crate::http::body::{BodyLimits, ReadError, collect};
use crate::wire::json::elide::Elider;
use crate::wire::json::lenient;

/// Asks Better Auth's `get-session` through a service: the proxy's upstream, or the auth router
/// itself.
///
/// ```
/// use tower_auth_sync::session::GetSession;
///
/// # fn example(upstream: axum::Router) {
/// let lookup = GetSession::new(upstream, "/api/auth/get-session".parse().expect("a path"));
/// # }
/// ```
///
/// With Better Auth's jwt plugin set `disableSettingJwtHeader: true`: a header of its `get-session`
/// holds the whole user, and HTTP clients limit headers. `list-sessions` needs a session younger
/// than `freshAge` (1 day by default): sessions that older callers end in bulk make no events of their
/// own.
///
/// A look-up sends the request's `Cookie`, `Authorization` and `X-Forwarded-For` headers, and no others.
/// Better Auth's rate limit counts look-ups too: exempt `/get-session` and `/list-sessions` from it
/// (`customRules`), or the layer refuses callers as `session-unknown` at that limit. A look-up adds the
/// query `disableCookieCache=true&disableRefresh=true`, so that it changes nothing and is never stale.
/// The timeout is 5 s and the limit 4 MiB, which counts at most the first 8 KiB of each text: a user
/// with a picture of megabytes in a field is still found.
#[derive(Clone)]
pub struct GetSession<S> {
    service: S,
    uri: Uri,
}

impl<S> GetSession<S> {
    /// Creates a look-up that sends `GET` to `uri`, such as `/api/auth/get-session`, or
    /// `http://auth.internal/api/auth/get-session` for an HTTP client.
    ///
    /// Other resources, such as `list-sessions`, have their path beside it: the last part of the path
    /// should be `get-session`.
    pub const fn new(service: S, uri: Uri) -> Self {
        Self { service, uri }
    }

    /// Returns the URI of `path` beside `get-session`.
    fn beside(&self, path: &str) -> Option<Uri> {
        let base = self.uri.path().strip_suffix("/get-session")?;
        self.with_path(&format!("{base}{path}"))
    }

    fn with_path(&self, path: &str) -> Option<Uri> {
        let mut parts = self.uri.clone().into_parts();
        let joined = if path.contains('?') { '&' } else { '?' };
        parts.path_and_query = Some(format!("{path}{joined}{QUERY}").parse().ok()?);
        Uri::from_parts(parts).ok()
    }

    fn get_session(&self) -> Option<Uri> {
        let path = self.uri.path_and_query()?.as_str();
        if path.contains(QUERY) {
            return Some(self.uri.clone());
        }
        self.with_path(path)
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
        if !has_credentials(headers) {
            return Ok(None);
        }
        let uri = self.get_session().ok_or(InvalidUri)?;
        let (status, body) = get(self.service.clone(), uri, headers).await?;
        match status {
            StatusCode::UNAUTHORIZED => return Ok(None),
            StatusCode::OK => {}
            status => return Err(GetSessionFailed(status).into()),
        }
        let response: Value = lenient::read(&body?)?;
        match ActiveSession::from_json(&response) {
            None if !response.is_null() => Err(GetSessionFailed(StatusCode::OK).into()),
            session => Ok(session),
        }
    }

    async fn read(
        &self,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<Option<Response<Value>>, BoxError> {
        let Some(uri) = self.beside(path) else {
            return Ok(None);
        };
        let mut read = Response::new(Value::Null);
        *read.status_mut() = StatusCode::UNAUTHORIZED;
        if has_credentials(headers) {
            let (status, body) = get(self.service.clone(), uri, headers).await?;
            *read.status_mut() = status;
            let refused = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
            match (status, body) {
                (StatusCode::OK, Ok(body)) => *read.body_mut() = lenient::read(&body)?,
                (StatusCode::OK, Err(ReadError::TooLarge)) => {
                    *read.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
                }
                (_, _) if refused => {}
                (StatusCode::OK, Err(cause)) => return Err(cause.into()),
                (status, _) => return Err(GetSessionFailed(status).into()),
            }
        }
        Ok(Some(read))
    }
}

fn has_credentials(headers: &HeaderMap) -> bool {
    headers.contains_key(COOKIE) || headers.contains_key(AUTHORIZATION)
}

fn request(uri: Uri, headers: &HeaderMap) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = uri;
    for name in [COOKIE, AUTHORIZATION, FORWARDED_FOR] {
        for value in headers.get_all(&name) {
            request.headers_mut().append(&name, value.clone());
        }
    }
    request
}

async fn get<S, B>(
    mut service: S,
    uri: Uri,
    headers: &HeaderMap,
) -> Result<(StatusCode, Result<Bytes, ReadError>), BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    let request = request(uri, headers);
    let exchange = async {
        let ready = poll_fn(|cx| service.poll_ready(cx)).await;
        ready.map_err(Into::into)?;
        let response = service.call(request).await.map_err(Into::into)?;
        let status = response.status();
        let mut elider = Elider::default();
        let body = response
            .into_body()
            .map_frame(move |frame| frame.map_data(|data| elider.push(data)));
        Ok((status, collect(body, LIMITS, |_chunk| {}).await))
    };
    tokio::time::timeout(TIMEOUT, exchange).await?
}

impl<S> fmt::Debug for GetSession<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetSession")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

/// The auth server's response holds neither a session nor the absence of one.
#[derive(Debug, thiserror::Error)]
#[error("the auth server responded {0} with neither a session nor `null`")]
struct GetSessionFailed(StatusCode);

/// The URI of `get-session` has no path.
#[derive(Debug, thiserror::Error)]
#[error("the URI given to `GetSession::new` has no path")]
struct InvalidUri;

/// Keeps Better Auth from prolonging the session, and from using a cookie that outlives a
/// revocation.
const QUERY: &str = "disableCookieCache=true&disableRefresh=true";

/// The header by which Better Auth limits rates; without it, all callers share one limit.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

const LIMITS: BodyLimits = BodyLimits {
    limit: RESPONSE_LIMIT,
    timeout: TIMEOUT,
};
