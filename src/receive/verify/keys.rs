//! Where the keys come from: one set for the layer, or the set of each request's tenant.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;

use super::rejection::WebhookRejection;
use crate::base::error::BoxError;
use crate::wire::signature::Verifier;

/// How long a provider may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Finds the keys that a request is judged with, where tenants have keys of their own.
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
/// // By header, from a database that is asked only for what the cache does not have.
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
/// 1. Of the request the provider sees the head, in which nothing is verified yet, and a path from
///    which a router may have stripped a part. It may use that to look a tenant up: the signature
///    then has to be that tenant's. It must take nothing else from it: no secret, no scheme, no URL to
///    ask for keys.
/// 2. `Ok(None)` means that there is no such tenant. It is answered as a wrong secret is, 401
///    `signature-mismatch`, and before the body is read.
/// 3. `Err` means that nobody knows. It is answered 503 `keys-unavailable` with `Retry-After`, as is
///    an answer that takes longer than 5 s. The error's text is logged.
/// 4. The keys of a request are those of one tenant, under the one name that this tenant always has:
///    the name separates what is [remembered](crate::receive::dedupe) of its messages from all others.
/// 5. It never blocks its thread.
///
/// # Security
///
/// It is asked for every request that has the right form, so also for each of a stranger's. Caching is
/// its own job, that of unknown names included, and so is forgetting: a tenant's new secrets count from
/// the first request for which the provider returns them.
///
/// Whoever asks can find out which tenants there are: an unknown one is refused before the headers are
/// looked at, so a request without any is answered otherwise. Choose names that nobody can
/// guess where that matters.
pub trait KeyProvider: Send + Sync + 'static {
    /// Finds the keys for the request with this head.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be said whether there are any.
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

/// The keys of one tenant, and its name.
///
/// Cheap to clone, to be handed out by a cache.
#[derive(Clone, Debug)]
pub struct TenantKeys {
    tenant: Arc<str>,
    verifier: Verifier,
}

impl TenantKeys {
    /// Creates the keys of the tenant with this name, which may be any text.
    ///
    /// The name is the provider's own and is the same for all of the tenant's requests. It shows in
    /// [`VerifiedWebhook::tenant`](crate::wire::event::VerifiedWebhook::tenant) and in the log.
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

    /// Returns what judges the tenant's requests.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

/// What one request is judged with.
#[derive(Clone, Debug)]
pub(super) struct RequestKeys {
    pub(super) verifier: Verifier,
    pub(super) tenant: Option<Arc<str>>,
}

/// The keys of a layer. Fixed ones cost no box and no wait.
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

    /// Returns the name of the scheme, where it is the same for all requests.
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
            tracing::error!("the key provider did not answer within 5 s");
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

type KeysFuture<'r> =
    Pin<Box<dyn Future<Output = Result<Option<TenantKeys>, BoxError>> + Send + 'r>>;

/// [`KeyProvider`] as an object.
pub(super) trait DynKeyProvider: Send + Sync {
    fn keys<'r>(&'r self, request: &'r Parts) -> KeysFuture<'r>;
}

impl<P: KeyProvider> DynKeyProvider for P {
    fn keys<'r>(&'r self, request: &'r Parts) -> KeysFuture<'r> {
        Box::pin(KeyProvider::keys(self, request))
    }
}
