//! The one HTTP client: it obeys the egress policy, one timeout and one limit.
//!
//! 1. The policy checks the URL, then every address that its name resolves to. The client dials only
//!    checked addresses; a literal address is checked like any other.
//! 2. One timeout covers look-up, connect, TLS, request, response head and response body.
//! 3. The client keeps the response body up to the limit, and stops reading there.
//! 4. The client follows no redirect, uses no proxy of the environment, decompresses nothing and
//!    sends nothing twice.

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
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

use self::connect::Connector;
pub(crate) use self::error::{CallError, RootsError};
pub(crate) use self::resolve::{Resolve, SystemResolver};
use super::body::read_up_to;
use super::egress::EgressPolicy;

/// The settings of a client.
#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    /// The rules for URLs and addresses.
    pub(crate) policy: EgressPolicy,
    /// Timeout of one whole call.
    pub(crate) timeout: Duration,
    /// Most bytes kept of a response body.
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

/// A server's response.
#[derive(Debug)]
pub(crate) struct ClientResponse {
    /// The status; a redirect is not followed.
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
    pub(crate) fn new(settings: ClientSettings) -> Result<Self, RootsError> {
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

    /// Sends a request and returns the response, whatever its status.
    ///
    /// # Errors
    ///
    /// [`CallError`] if no complete response comes within the timeout; a body longer than the limit
    /// counts as complete.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<ClientResponse, CallError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.policy.checked_uri(url)?;
        *request.headers_mut() = headers;
        request
            .headers_mut()
            .insert(USER_AGENT, self.user_agent.clone());
        tokio::time::timeout(self.timeout, self.exchange(request))
            .await
            .map_err(|_elapsed| CallError::Timeout)?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<ClientResponse, CallError> {
        let response = self.inner.request(request).await?;
        let (head, body) = response.into_parts();
        // Dropping the rest of the body ends the exchange.
        let body = read_up_to(body, self.max_body)
            .await
            .map_err(|err| CallError::Protocol(err.into()))?;
        Ok(ClientResponse {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

/// Time that the client keeps an unused connection: less than the 5 s after which Node.js closes one
/// (`server.keepAliveTimeout`), so that few requests meet a closing connection.
const IDLE: Duration = Duration::from_secs(4);

/// Unused connections kept per host.
const MAX_IDLE: usize = 8;

/// Bytes of an HTTP/1 response head, and of one read.
const MAX_BUFFER: usize = 32 * 1024;

/// Header fields of an HTTP/1 response.
const MAX_HEADERS: usize = 100;

/// Bytes of the header fields of an HTTP/2 response, as RFC 9113 counts them.
const MAX_HEADER_LIST: u32 = 32 * 1024;

/// Bytes that a server may send before the client reads them, per HTTP/2 stream and per connection.
const WINDOW: u32 = 64 * 1024 - 1;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Time without a frame after which the client pings an HTTP/2 server.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// Time for the response to a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
