//! From a URL to a connection: look up, check, dial checked addresses, then TLS.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tower_service::Service;
use url::Host;

use super::resolve::Resolve;
use crate::base::error::BoxError;
use crate::http::egress::{EgressError, EgressPolicy};

type ConnectFuture<T> = Pin<Box<dyn Future<Output = Result<T, ConnectError>> + Send>>;

/// Connects within a timeout of its own: hyper may go on connecting in the background after the
/// request ended.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<Dialler>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(
        policy: EgressPolicy,
        resolver: Arc<dyn Resolve>,
        tls: rustls::ClientConfig,
        timeout: Duration,
    ) -> Self {
        let dialler = Dialler { policy, resolver };
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(dialler);
        Self { https, timeout }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = ConnectError;
    type Future = ConnectFuture<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.https.poll_ready(cx).map_err(ConnectError::of)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let connecting = self.https.call(target);
        let timeout = self.timeout;
        Box::pin(async move {
            tokio::time::timeout(timeout, connecting)
                .await
                .map_err(|_elapsed| ConnectError::Timeout)?
                .map_err(ConnectError::of)
        })
    }
}

/// Dials only addresses that the policy allows.
#[derive(Clone, Debug)]
struct Dialler {
    policy: EgressPolicy,
    resolver: Arc<dyn Resolve>,
}

impl Dialler {
    async fn connect(self, target: Uri) -> Result<TokioIo<TcpStream>, ConnectError> {
        let plain = target.scheme_str() != Some("https");
        let port = target.port_u16().unwrap_or(if plain { 80 } else { 443 });
        let found = self.addresses(target.host().unwrap_or_default()).await?;
        let allowed = self.check(plain, found)?;
        let stream = dial(allowed.into_iter().map(|ip| SocketAddr::new(ip, port)))
            .await
            .map_err(ConnectError::Dial)?;
        stream.set_nodelay(true).map_err(ConnectError::Dial)?;
        Ok(TokioIo::new(stream))
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, ConnectError> {
        match Host::parse(host).map_err(|_| EgressError::Host)? {
            Host::Ipv4(ip) => Ok(vec![ip.into()]),
            Host::Ipv6(ip) => Ok(vec![ip.into()]),
            Host::Domain(name) => {
                let found = self.resolver.resolve(&name).await;
                found.map_err(ConnectError::Resolve)
            }
        }
    }

    /// Returns the allowed addresses; if there are none, the first refusal.
    fn check(&self, plain: bool, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, ConnectError> {
        let mut refusal = None;
        let mut allowed = Vec::new();
        for address in found {
            match self.policy.check_dial(plain, address) {
                Ok(()) => allowed.push(address),
                Err(why) => {
                    refusal.get_or_insert(why);
                }
            }
        }
        allowed.truncate(MAX_ADDRESSES);
        match refusal {
            Some(why) if allowed.is_empty() => Err(why.into()),
            _ => Ok(allowed),
        }
    }
}

impl Service<Uri> for Dialler {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = ConnectFuture<Self::Response>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        Box::pin(self.clone().connect(target))
    }
}

/// Dials one address after the other, each [`STAGGER`] after the one before at the latest, until one
/// connects.
async fn dial(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.peekable();
    let mut dialling = JoinSet::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        if let Some(address) = waiting.next() {
            dialling.spawn(TcpStream::connect(address));
        }
        tokio::select! {
            ended = dialling.join_next() => match ended {
                Some(Ok(Ok(stream))) => return Ok(stream),
                Some(Ok(Err(err))) => failure = err,
                Some(Err(err)) => failure = err.into(),
                None => return Err(failure),
            },
            () = tokio::time::sleep(STAGGER), if waiting.peek().is_some() => {}
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error(transparent)]
    Blocked(#[from] EgressError),
    #[error("the name could not be resolved")]
    Resolve(#[source] io::Error),
    #[error("no address could be reached")]
    Dial(#[source] io::Error),
    #[error("the TLS handshake failed")]
    Tls(#[source] BoxError),
    #[error("connecting took too long")]
    Timeout,
}

impl ConnectError {
    /// Sorts an error of the TLS connector: the dialler's, or its own.
    fn of(err: BoxError) -> Self {
        match err.downcast() {
            Ok(own) => *own,
            Err(tls) => Self::Tls(tls),
        }
    }
}

/// Addresses dialled for one name, so that a name with hundreds is not a port scan.
const MAX_ADDRESSES: usize = 8;

/// Pause before the next address is dialled too (RFC 8305, section 8: 250 ms).
const STAGGER: Duration = Duration::from_millis(250);
