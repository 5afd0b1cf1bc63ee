//! The one HTTP client: it obeys the egress policy, one deadline and one cap.
//!
//! 1. The URL is judged, then every address its name resolves to; only judged addresses are
//!    dialled, and a literal address is judged like any other.
//! 2. One deadline covers look-up, connect, TLS, request, response head and response body.
//! 3. Of the response body no more than the cap is kept, and reading stops there.
//! 4. No redirect is followed, no proxy of the environment is asked, nothing is decompressed,
//!    nothing is sent twice.

mod connect;
mod error;
mod resolve;
mod tls;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

use self::connect::Connector;
pub(crate) use self::error::{CallError, RootsError};
pub(crate) use self::resolve::{Resolve, SystemResolver};
use super::body::read_up_to;
use super::egress::EgressPolicy;

/// What a client is made from.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Who may be called.
    pub(crate) policy: EgressPolicy,
    /// Limit of one whole call.
    pub(crate) timeout: Duration,
    /// Bytes kept of a response body.
    pub(crate) max_body: usize,
    /// PEM files of certificates that are trusted besides Mozilla's.
    pub(crate) extra_roots: Vec<Vec<u8>>,
    /// Sent with every request.
    pub(crate) user_agent: HeaderValue,
    /// Turns names into addresses.
    pub(crate) resolver: Arc<dyn Resolve>,
}

/// An HTTP client. Copies share its connections.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    inner: Client<Connector, Full<Bytes>>,
    policy: EgressPolicy,
    timeout: Duration,
    max_body: usize,
    user_agent: HeaderValue,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status; redirects are among them.
    pub(crate) status: StatusCode,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// The first bytes of the body.
    pub(crate) body: Bytes,
}

impl HttpClient {
    /// Creates a client.
    ///
    /// # Errors
    ///
    /// [`RootsError`] if the extra root certificates cannot be used.
    pub(crate) fn new(settings: Settings) -> Result<Self, RootsError> {
        let tls = tls::config(&settings.extra_roots)?;
        let connector = Connector::new(
            settings.policy.clone(),
            settings.resolver,
            tls,
            settings.timeout,
        );
        let inner = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            // A request may have been acted upon although its connection broke.
            .retry_canceled_requests(false)
            .http1_max_buf_size(MAX_BUFFER)
            .http1_max_headers(MAX_HEADERS)
            .http2_max_header_list_size(MAX_HEADER_LIST)
            .http2_initial_stream_window_size(WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .timer(TokioTimer::new())
            // Without pings a peer that vanished would hold its connection, and every attempt on
            // it, until TCP gives up.
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build(connector);
        Ok(Self {
            inner,
            policy: settings.policy,
            timeout: settings.timeout,
            max_body: settings.max_body,
            user_agent: settings.user_agent,
        })
    }

    /// Posts `body` and returns what is answered, whatever its status.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no whole answer within the deadline; a body longer than the cap
    /// counts as whole.
    pub(crate) async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, CallError> {
        self.policy.check_url(url)?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target(url)?;
        *request.headers_mut() = headers;
        request
            .headers_mut()
            .insert(USER_AGENT, self.user_agent.clone());
        tokio::time::timeout(self.timeout, self.exchange(request))
            .await
            .map_err(|_elapsed| CallError::Timeout)?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, CallError> {
        let response = self.inner.request(request).await?;
        let (head, body) = response.into_parts();
        // Dropping the rest of the body ends the exchange.
        let body = read_up_to(body, self.max_body)
            .await
            .map_err(|err| CallError::Protocol(err.into()))?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

/// The URL as a request target, its name without the final dot that certificates do not have.
fn target(url: &Url) -> Result<Uri, CallError> {
    let mut url = url.clone();
    let bare = url.domain().and_then(|name| name.strip_suffix('.'));
    if let Some(bare) = bare.map(str::to_owned) {
        url.set_host(Some(&bare))
            .map_err(|err| CallError::Protocol(err.into()))?;
    }
    url.as_str()
        .parse()
        .map_err(|err: http::uri::InvalidUri| CallError::Protocol(err.into()))
}

/// How long an unused connection is kept: less than the 5 s after which Node.js closes one
/// (`server.keepAliveTimeout`), so that few requests meet a connection that is being closed.
const IDLE: Duration = Duration::from_secs(4);

/// Unused connections kept per host.
const MAX_IDLE: usize = 8;

/// Bytes of an HTTP/1 response head, and of one read.
const MAX_BUFFER: usize = 32 * 1024;

/// Header fields of an HTTP/1 response.
const MAX_HEADERS: usize = 100;

/// Bytes of the header fields of an HTTP/2 response, as RFC 9113 counts them.
const MAX_HEADER_LIST: u32 = 32 * 1024;

/// Bytes that a server may send before they are read, per HTTP/2 stream and per connection.
const WINDOW: u32 = 64 * 1024 - 1;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// After this long without a frame an HTTP/2 server is pinged,
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// and given this long to answer.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
