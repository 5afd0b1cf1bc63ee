//! Keys of a request: one set for the layer, or the set of the tenant.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;

use super::rejection::WebhookRejection;
use crate::base::erased::erased;
use crate::base::error::BoxError;
use crate::wire::signature::Verifier;

/// Timeout of a provider.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Finds the keys that check a request, where each tenant has its own keys.
///
/// A closure that takes [`&Parts`](Parts) and returns a future is a provider.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Arc;
/// use http::request::Parts;
/// use tower_auth_sync::scheme::Scheme;
/// use tower_auth_sync::signature::Verifier;
/// use tower_auth_sync::verify::{TenantKeys, VerifyWebhookLayer};
///
/// let acme = Verifier::new(Scheme::banata(), ["whsec_not-a-secret-but-an-example"])?;
/// let tenants = HashMap::from([("acme".to_owned(), TenantKeys::new("acme", acme))]);
/// let tenants = Arc::new(tenants);
///
/// // By path: /webhooks/acme.
/// let by_path = Arc::clone(&tenants);
/// let layer = VerifyWebhookLayer::from_provider(move |request: &Parts| {
///     let name = request.uri.path().strip_prefix("/webhooks/");
///     let keys = name.and_then(|name| by_path.get(name)).cloned();
///     async move { Ok(keys) }
/// });
///
/// // By header.
/// let layer = VerifyWebhookLayer::from_provider(move |request: &Parts| {
///     let name = request.headers.get("x-tenant").and_then(|name| name.to_str().ok());
///     let name = name.map(str::to_owned);
///     let cache = Arc::clone(&tenants);
///     async move {
///         let Some(name) = name else { return Ok(None) };
///         Ok(cache.get(&name).cloned())
///     }
/// });
/// # Ok::<(), tower_auth_sync::signature::WebhookConfigError>(())
/// ```
///
/// # Contract
///
/// 1. The provider sees the request head. Nothing in it is verified, and a router may have removed
///    a part of the path. The provider may look up a tenant by it: the signature must then be the
///    tenant's. It must use nothing else from the head: no secret, no scheme, no URL for keys.
/// 2. `Ok(None)` means that there is no such tenant. The response is the one to a wrong secret, 401
///    `signature-mismatch`, before the layer reads the body.
/// 3. `Err` means that the provider cannot tell. The response is 503 `keys-unavailable` with
///    `Retry-After`. A provider that takes longer than 5 s gets the same response. The layer logs
///    the text of the error.
/// 4. The keys of a request belong to one tenant, under one constant name: the name separates the
///    tenant's [remembered messages](crate::receive::dedupe) from all others.
/// 5. The provider never blocks its thread.
///
/// # Security
///
/// The layer asks the provider for every well-formed request, including requests from strangers.
/// The provider caches tenants, unknown names included, and expires them: new secrets of a tenant
/// count from the first request for which the provider returns them.
///
/// A caller can find out which tenants exist: the layer refuses an unknown tenant before it looks
/// at the headers, so a request without headers gets another response. Choose names that are hard
/// to guess where that matters.
pub trait KeyProvider: Send + Sync + 'static {
    /// Finds the keys for the request with this head.
    ///
    /// # Errors
    ///
    /// Fails if the provider cannot tell whether the tenant exists.
    fn keys(
        &self,
        request: &Parts,
    ) -> impl Future<Output = Result<Option<TenantKeys>, BoxError>> + Send;
}

impl<F, Found> KeyProvider for F
where
    F: Fn(&Parts) -> Found + Send + Sync + 'static,
    Found: Future<Output = Result<Option<TenantKeys>, BoxError>> + Send,
{
    fn keys(
        &self,
        request: &Parts,
    ) -> impl Future<Output = Result<Option<TenantKeys>, BoxError>> + Send {
        self(request)
    }
}

/// Keys of one tenant, and its name.
///
/// Cheap to clone, so that a cache can hand it out. See [`KeyProvider`] for an example.
#[derive(Clone, Debug)]
pub struct TenantKeys {
    tenant: Arc<str>,
    verifier: Verifier,
}

impl TenantKeys {
    /// Creates the keys of the tenant named `tenant`; any text is a name.
    ///
    /// The provider chooses the name. It is the same for all requests of the tenant.
    /// [`VerifiedWebhook::tenant`](crate::wire::event::VerifiedWebhook::tenant) and the log show
    /// it.
    ///
    /// ```
    /// use tower_auth_sync::scheme::Scheme;
    /// use tower_auth_sync::signature::Verifier;
    /// use tower_auth_sync::verify::TenantKeys;
    ///
    /// let verifier = Verifier::new(Scheme::banata(), ["whsec_not-a-secret-but-an-example"])?;
    /// assert_eq!(TenantKeys::new("acme", verifier).tenant(), "acme");
    /// # Ok::<(), tower_auth_sync::signature::WebhookConfigError>(())
    /// ```
    #[must_use]
    pub fn new(tenant: &str, verifier: Verifier) -> Self {
        Self {
            tenant: tenant.into(),
            verifier,
        }
    }

    /// Returns the tenant's name.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Returns the verifier of the tenant's requests.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

/// Verifier for one request, and its tenant.
#[derive(Clone, Debug)]
pub(super) struct RequestKeys {
    pub(super) verifier: Verifier,
    pub(super) tenant: Option<Arc<str>>,
}

/// Keys of a layer. Fixed keys need no box and no wait.
#[derive(Clone)]
pub(super) enum LayerKeys {
    Fixed(RequestKeys),
    PerRequest(Arc<dyn DynKeyProvider>),
}

impl LayerKeys {
    pub(super) const fn fixed(verifier: Verifier) -> Self {
        Self::Fixed(RequestKeys {
            verifier,
            tenant: None,
        })
    }

    pub(super) fn per_request(provider: impl KeyProvider) -> Self {
        Self::PerRequest(Arc::new(provider))
    }

    /// Returns the name of the scheme if all requests share it.
    pub(super) fn scheme(&self) -> Option<&'static str> {
        match self {
            Self::Fixed(keys) => Some(keys.verifier.scheme().name()),
            Self::PerRequest(_) => None,
        }
    }

    /// Returns the keys for the request with this head.
    pub(super) async fn of(
        &self,
        request: &Parts,
    ) -> Result<Cow<'_, RequestKeys>, WebhookRejection> {
        match self {
            Self::Fixed(keys) => Ok(Cow::Borrowed(keys)),
            Self::PerRequest(provider) => ask_provider(&**provider, request).await.map(Cow::Owned),
        }
    }
}

async fn ask_provider(
    provider: &dyn DynKeyProvider,
    request: &Parts,
) -> Result<RequestKeys, WebhookRejection> {
    match tokio::time::timeout(TIMEOUT, provider.keys(request)).await {
        Ok(Ok(Some(TenantKeys { tenant, verifier }))) => Ok(RequestKeys {
            verifier,
            tenant: Some(tenant),
        }),
        Ok(Ok(None)) => Err(WebhookRejection::UnknownTenant),
        Ok(Err(err)) => {
            tracing::error!(error = %err, cause = err.source(), "the key provider failed");
            Err(WebhookRejection::KeysUnavailable)
        }
        Err(_elapsed) => {
            tracing::error!("the key provider took longer than 5 s");
            Err(WebhookRejection::KeysUnavailable)
        }
    }
}

impl fmt::Debug for LayerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(keys) => keys.verifier.fmt(f),
            Self::PerRequest(_) => f.write_str("PerRequest(..)"),
        }
    }
}

erased! {
    /// [`KeyProvider`] as an object.
    pub(super) trait DynKeyProvider: KeyProvider;
    async KeyProvider::keys(request: &'a Parts) -> Result<Option<TenantKeys>, BoxError>;
}
