//! A sender of genuine and forged webhooks, for tests of receivers.

mod corruption;
mod storm;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

pub use self::corruption::Corruption;
pub use self::storm::{Expected, SameMessage, Sent};
use super::entropy::SeededEntropy;
use crate::base::clock::{Clock, SystemClock, UnixTime};
use crate::base::entropy::random;
use crate::base::id::MessageId;
use crate::base::secret::{Secret, SecretError};
use crate::wire::scheme::Scheme;
use crate::wire::signature::{Signer, SignerBuilder, WebhookConfigError};

/// Creates the requests of a provider, of a bad network and of a forger.
///
/// It signs for any [`Scheme`], so that a test needs no provider to prove that a receiver handles each
/// message exactly once and a forged one never. It does not send the requests: pass them to the
/// receiver by `oneshot`, or to a client.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// use axum::{Router, routing::post};
/// use http::StatusCode;
/// use tower::ServiceExt as _;
/// use tower_auth_sync::entropy::SystemEntropy;
/// use tower_auth_sync::id::MessageId;
/// use tower_auth_sync::secret::Secret;
/// use tower_auth_sync::scheme::Scheme;
/// use tower_auth_sync::signature::Verifier;
/// use tower_auth_sync::testing::{Corruption, FakeSender, SeededEntropy};
/// use tower_auth_sync::verify::VerifyWebhookLayer;
///
/// let secret = Secret::generate();
/// let sender = FakeSender::new(Scheme::standard_webhooks(), secret.clone())?;
///
/// // The receiver under test.
/// let verifier = Verifier::new(Scheme::standard_webhooks(), [secret])?;
/// let on_event = post(|| async { StatusCode::NO_CONTENT });
/// let app = Router::new().route("/", on_event.layer(VerifyWebhookLayer::new(verifier)));
///
/// let id = MessageId::new("msg_1")?;
/// let body = r#"{"type":"user.created","data":{"id":"u1"}}"#;
/// let response = app.clone().oneshot(sender.request(&id, body)).await?;
/// assert_eq!(response.status(), StatusCode::NO_CONTENT);
///
/// for corruption in Corruption::ALL {
///     // `None`: the scheme has nothing there that could be corrupted.
///     let Some(forged) = sender.corrupted(&id, body, corruption) else { continue };
///     let response = app.clone().oneshot(forged).await?;
///     assert_eq!(response.status(), corruption.refusal().status(), "{corruption:?}");
/// }
///
/// // 100 messages on a bad network: the same for each run with the seed 7.
/// let messages = (0..100).map(|n| (MessageId::new(format!("evt_{n}")).unwrap(), format!("{n}")));
/// for sent in sender.storm(messages, &SeededEntropy::new(7))? {
///     let response = app.clone().oneshot(sent.request).await?;
///     assert!(sent.expected.is_met_by(response.status()), "{:?}", sent.expected);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Ids
///
/// The message's id goes into the scheme's id header, if it has one. Where the scheme takes the id
/// from the body ([`IdSource::SignedBody`](crate::wire::scheme::IdSource::SignedBody): Stripe's and
/// WorkOS' `/id`, Slack's `/event_id`, `/id` of `banata_sdk`), it must be in the body already: the
/// sender does not change bodies.
#[must_use = "a sender does nothing until it creates a request"]
#[derive(Clone, Debug)]
pub struct FakeSender {
    scheme: Scheme,
    signer: Signer,
    /// Signs with a secret unknown to the receiver.
    stranger: Signer,
    clock: Arc<dyn Clock>,
    uri: Uri,
}

impl FakeSender {
    /// Creates a sender that signs with `secret`, by the system's clock, for the path `/`.
    ///
    /// `secret` is the receiver's; for `standard_webhooks_v1a` it is the private key, `whsk_…`, of the
    /// receiver's public one.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError`] if the secret is empty, damaged or a placeholder, or its key has fewer than
    /// 24 or more than 512 bytes.
    pub fn new<S>(scheme: Scheme, secret: S) -> Result<Self, WebhookConfigError>
    where
        S: TryInto<Secret, Error: Into<SecretError>>,
    {
        Self::builder(scheme).secret(secret)?.build()
    }

    /// Starts a builder, which can also allow short secrets.
    pub const fn builder(scheme: Scheme) -> FakeSenderBuilder {
        FakeSenderBuilder {
            signer: Signer::builder(scheme),
        }
    }

    /// Sets the clock of the signatures: the clock of the receiver's verifier, or another one to test
    /// clock skew. Default: the system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the target of requests: a path, or a whole URL for a client. Default: `/`.
    pub fn uri(mut self, uri: Uri) -> Self {
        self.uri = uri;
        self
    }

    /// Creates a genuine request, signed now: a POST of `body` as `application/json`.
    pub fn request(&self, id: &MessageId, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
        self.request_signed_at(self.now(), id, body)
    }

    /// Creates a genuine request with a signature of `time`.
    pub fn request_signed_at(
        &self,
        time: UnixTime,
        id: &MessageId,
        body: impl Into<Bytes>,
    ) -> Request<Full<Bytes>> {
        let body = body.into();
        let headers = self.headers(&self.signer, time, id, &body);
        self.carrying(headers, body)
    }

    /// Creates a request as [`request`](Self::request) does, and corrupts it.
    ///
    /// Returns `None` if the corruption does not apply: the scheme does not have or need the header, or
    /// the body is not JSON. A receiver must refuse the request with [`Corruption::refusal`].
    #[must_use]
    pub fn corrupted(
        &self,
        id: &MessageId,
        body: impl Into<Bytes>,
        corruption: Corruption,
    ) -> Option<Request<Full<Bytes>>> {
        corruption.make(self, id, &body.into())
    }

    fn now(&self) -> UnixTime {
        self.clock.now().to_secs()
    }

    fn headers(&self, by: &Signer, time: UnixTime, id: &MessageId, body: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        by.sign_at(id, time, body).apply(&mut headers);
        headers
    }

    fn carrying(&self, headers: HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        request
    }
}

/// Builder of a [`FakeSender`]; [`FakeSender::builder`] creates it.
///
/// ```
/// use tower_auth_sync::scheme::Scheme;
/// use tower_auth_sync::testing::FakeSender;
///
/// let sender = FakeSender::builder(Scheme::github())
///     .secret("short-secret")?
///     .dangerous_allow_short_secret()
///     .build()?;
/// # Ok::<(), tower_auth_sync::signature::WebhookConfigError>(())
/// ```
#[must_use = "call `build` to get the sender"]
#[derive(Clone, Debug)]
pub struct FakeSenderBuilder {
    signer: SignerBuilder,
}

impl FakeSenderBuilder {
    /// Adds a secret, as [`SignerBuilder::secret`] does.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError::Secret`] if it is empty, damaged or a placeholder.
    pub fn secret<S>(self, secret: S) -> Result<Self, WebhookConfigError>
    where
        S: TryInto<Secret, Error: Into<SecretError>>,
    {
        let signer = self.signer.secret(secret)?;
        Ok(Self { signer })
    }

    /// Allows keys of 1 to 23 bytes. Default: refused. Placeholders stay refused.
    ///
    /// # Security
    ///
    /// As [`SignerBuilder::dangerous_allow_short_secret`].
    pub fn dangerous_allow_short_secret(mut self) -> Self {
        self.signer = self.signer.dangerous_allow_short_secret();
        self
    }

    /// Builds a sender with the system's clock and the path `/`.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError`] without a secret, and for a secret whose key is not usable.
    pub fn build(self) -> Result<FakeSender, WebhookConfigError> {
        let signer = self.signer.build()?;
        let scheme = signer.scheme().clone();
        Ok(FakeSender {
            stranger: stranger(&scheme)?,
            scheme,
            signer,
            clock: Arc::new(SystemClock),
            uri: Uri::from_static("/"),
        })
    }
}

/// Creates a signer with a fixed foreign secret, in a form of the scheme.
fn stranger(scheme: &Scheme) -> Result<Signer, WebhookConfigError> {
    let key = random::<32>(&SeededEntropy::new(STRANGER));
    let base64 = STANDARD.encode(key);
    let with = |secret: String| Signer::new(scheme.clone(), [secret]);
    with(format!("whsec_{base64}"))
        .or_else(|_| with(format!("whsk_{base64}")))
        .or_else(|_| with(const_hex::encode(key)))
}

/// The seed of the foreign key, which is the same in every run.
const STRANGER: u64 = 0x5354_5241_4e47_4552;
