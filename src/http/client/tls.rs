//! TLS with an explicit provider; the process default is neither read nor set.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::error::RootsError;
use crate::base::pem;
use crate::base::pem::PemKind;

/// Trusts Mozilla's roots and those in `extra`.
pub(super) fn config(extra: &[Vec<u8>]) -> Result<ClientConfig, RootsError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for pem in extra {
        add(&mut roots, pem)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(RootsError::Provider)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), RootsError> {
    for certificate in pem::read(pem, PemKind::Certificate)? {
        let certificate = CertificateDer::from_slice(&certificate);
        roots.add(certificate).map_err(RootsError::Certificate)?;
    }
    Ok(())
}
