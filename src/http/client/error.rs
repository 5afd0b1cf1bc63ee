//! Why a call failed.

use std::error::Error;

use hyper_util::client::legacy;

use super::connect::ConnectError;
use crate::base::error::BoxError;
use crate::base::pem::PemError;
use crate::http::egress::EgressError;

/// Why a call has no response. The messages are generic: an endpoint's owner must not read which
/// inner addresses and ports respond. The cause is for the operator's log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("blocked by the egress policy")]
    Blocked(#[from] EgressError),
    #[error("connecting failed")]
    Connect(#[source] BoxError),
    #[error("the TLS handshake failed")]
    Tls(#[source] BoxError),
    #[error("no complete response within the timeout")]
    Timeout,
    #[error("no valid HTTP response")]
    Protocol(#[source] BoxError),
}

impl From<legacy::Error> for CallError {
    fn from(err: legacy::Error) -> Self {
        if !err.is_connect() {
            return Self::Protocol(err.into());
        }
        match err.source().and_then(<dyn Error>::downcast_ref) {
            Some(ConnectError::Blocked(why)) => Self::Blocked(*why),
            Some(ConnectError::Timeout) => Self::Timeout,
            Some(ConnectError::Tls(_)) => Self::Tls(err.into()),
            Some(ConnectError::Resolve(_) | ConnectError::Dial(_)) | None => {
                Self::Connect(err.into())
            }
        }
    }
}

/// Why extra root certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootsError {
    #[error(transparent)]
    Pem(#[from] PemError),
    #[error("a certificate cannot be trusted as a root")]
    Certificate(#[source] rustls::Error),
    #[error("TLS cannot be set up")]
    Provider(#[source] rustls::Error),
}
