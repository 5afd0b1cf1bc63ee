//! An endpoint just created, and the text that its receiver needs.

use std::fmt;

use super::endpoint::Endpoint;
use crate::base::secret::Secret;

/// A created endpoint with its secret, which can be shown now and never again.
///
/// Made by [`Endpoints::create`](super::endpoints::Endpoints::create); see there for an example.
#[must_use = "no other value shows the secret: `into_endpoint` drops it"]
#[derive(Debug)]
pub struct IssuedEndpoint {
    endpoint: Endpoint,
    secret: IssuedSecret,
}

impl IssuedEndpoint {
    pub(super) const fn new(endpoint: Endpoint, secret: IssuedSecret) -> Self {
        Self { endpoint, secret }
    }

    /// Returns the endpoint as it is stored.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the endpoint without the text.
    #[must_use]
    pub fn into_endpoint(self) -> Endpoint {
        self.endpoint
    }

    /// Returns the text that the receiver needs.
    #[must_use]
    pub const fn secret(&self) -> &IssuedSecret {
        &self.secret
    }
}

/// What the receiver of an endpoint verifies with: the shared secret `whsec_…`, or for `v1a`
/// signatures the public key `whpk_…`.
///
/// `Debug` prints `IssuedSecret(..)`. The text is zeroed when the value is dropped.
pub struct IssuedSecret(Secret);

impl IssuedSecret {
    pub(super) const fn new(text: Secret) -> Self {
        Self(text)
    }

    /// Returns the text.
    ///
    /// # Security
    ///
    /// Whoever has a shared secret can sign. Show it to the endpoint's owner once; do not log it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for IssuedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuedSecret(..)")
    }
}
