//! Why a call failed.

use std::error::Error;

use hyper_util::client::legacy;

use super::connect::ConnectError;
use crate::base::error::BoxError;
use crate::base::pem::PemError;
use crate::http::egress::EgressError;

/// Why there is no answer. The messages are generic: what an endpoint's owner may read must not
/// tell which inner addresses and ports answer. The cause is for the operator's log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("blocked by the egress policy")]
    Blocked(#[from] EgressError),
    #[error("connecting failed")]
    Connect(#[source] BoxError),
    #[error("the TLS handshake failed")]
    Tls(#[source] BoxError),
    #[error("no whole answer before the deadline")]
    Timeout,
    #[error("no valid HTTP answer")]
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
