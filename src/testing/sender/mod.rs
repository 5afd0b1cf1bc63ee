//! A sender of webhooks, genuine and forged, for tests of receivers.

mod corruption;
mod storm;

use std::sync::Arc;

use base64ct::{Base64, Encoding as _};
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

/// Sends what a provider would send, and what a bad network or a forger makes of it.
///
/// It signs for any [`Scheme`], so that a receiver can be tested without its provider: each message
/// handled exactly once, a forged one never. Requests are made, not sent: give them to the receiver by
/// `oneshot`, or to a client.
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
/// let secret = Secret::generate(&SystemEntropy);
/// let sender = FakeSender::new(Scheme::standard_webhooks(), secret.clone())?;
///
/// // The receiver under test.
/// let verifier = Verifier::new(Scheme::standard_webhooks(), [secret])?;
/// let on_event = post(|| async { StatusCode::NO_CONTENT });
/// let app = Router::new().route("/", on_event.layer(VerifyWebhookLayer::new(verifier)));
///
/// let id = MessageId::new("msg_1")?;
/// let body = r#"{"type":"user.created","data":{"id":"u1"}}"#;
/// let answer = app.clone().oneshot(sender.request(&id, body)).await?;
/// assert_eq!(answer.status(), StatusCode::NO_CONTENT);
///
/// for corruption in Corruption::ALL {
///     // `None`: the scheme has nothing there that could be corrupted.
///     let Some(forged) = sender.corrupted(&id, body, corruption) else { continue };
///     let answer = app.clone().oneshot(forged).await?;
///     assert_eq!(answer.status(), corruption.refusal().status(), "{corruption:?}");
/// }
///
/// // 100 messages on a bad network: the same for each run with the seed 7.
/// let messages = (0..100).map(|n| (MessageId::new(format!("evt_{n}")).unwrap(), format!("{n}")));
/// for sent in sender.storm(messages, &SeededEntropy::new(7))? {
///     let answer = app.clone().oneshot(sent.request).await?;
///     assert!(sent.expected.is_met_by(answer.status()), "{:?}", sent.expected);
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
/// WorkOS' `/id`, Slack's `/event_id`, `/id` of `banata_sdk`), it must be in the body already: bodies
/// are sent as they are given.
#[must_use = "a sender does nothing until it makes a request"]
#[derive(Clone, Debug)]
pub struct FakeSender {
    scheme: Scheme,
    signer: Signer,
    /// Signs with a secret that the receiver does not have.
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
    /// [`WebhookConfigError`] if the secret is empty or damaged, or its key has fewer than 24 or more than
    /// 512 bytes.
    pub fn new<S>(scheme: Scheme, secret: S) -> Result<Self, WebhookConfigError>
    where
        S: TryInto<Secret, Error: Into<SecretError>>,
    {
        Self::builder(scheme).secret(secret)?.build()
    }

    /// Starts a sender whose secret may be short.
    pub const fn builder(scheme: Scheme) -> FakeSenderBuilder {
        FakeSenderBuilder {
            signer: Signer::builder(scheme),
        }
    }

    /// Sets the clock that requests are signed by: that of the receiver's verifier, or another one to
    /// test clocks that differ. Default: the system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets where requests go: a path, or a whole URL for a client. Default: `/`.
    pub fn uri(mut self, uri: Uri) -> Self {
        self.uri = uri;
        self
    }

    /// Makes a genuine request, signed now: a POST of `body` as `application/json`.
    pub fn request(&self, id: &MessageId, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
        self.request_signed_at(self.now(), id, body)
    }

    /// Makes a genuine request that was signed at `time` and has been on its way since.
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

    /// Makes the request as [`request`](Self::request) does, and corrupts it.
    ///
    /// `None` where there is nothing to corrupt: a header that the scheme does not have or does not
    /// need, a body that is no JSON. What is made is refused, as [`Corruption::refusal`] says.
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
        by.sign(id, time, body).apply(&mut headers);
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

/// Settings of a [`FakeSender`]; made by [`FakeSender::builder`].
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
    /// [`WebhookConfigError::Secret`] if it is empty or damaged.
    pub fn secret<S>(self, secret: S) -> Result<Self, WebhookConfigError>
    where
        S: TryInto<Secret, Error: Into<SecretError>>,
    {
        let signer = self.signer.secret(secret)?;
        Ok(Self { signer })
    }

    /// Lets keys pass that have fewer than 24 bytes, though not empty ones. Default: refused.
    ///
    /// # Security
    ///
    /// As [`SignerBuilder::dangerous_allow_short_secret`].
    pub fn dangerous_allow_short_secret(mut self) -> Self {
        self.signer = self.signer.dangerous_allow_short_secret();
        self
    }

    /// Makes the sender; it signs by the system's clock, for the path `/`.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError`] if there is no secret, or if a secret's key is not usable.
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

/// Makes a signer with a secret that nobody has, in a form that the scheme takes.
fn stranger(scheme: &Scheme) -> Result<Signer, WebhookConfigError> {
    let key = random::<32>(&SeededEntropy::new(STRANGER));
    let base64 = Base64::encode_string(&key);
    let with = |secret: String| Signer::new(scheme.clone(), [secret]);
    with(format!("whsec_{base64}"))
        .or_else(|_| with(format!("whsk_{base64}")))
        .or_else(|_| with(const_hex::encode(key)))
}

/// The seed of the stranger's key: the same in every run, as everything of this sender.
const STRANGER: u64 = 0x5354_5241_4e47_4552;
