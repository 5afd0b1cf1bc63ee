//! Stores a message instead of handing it on.

use std::error::Error;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};

use super::handled::warn_of_reuse;
use super::keys::RequestKeys;
use super::meters::{Operation, WebhookMeters};
use super::rejection::WebhookRejection;
use crate::http::body::ResponseBody;
use crate::receive::dedupe::{Claimed, Message};
use crate::receive::inbox::{Inbox, StoredRequest};
use crate::wire::event::VerifiedWebhook;

/// The inbox of the layer, if it has one.
#[derive(Clone, Debug)]
pub(super) struct InboxSink(Option<Inbox>);

/// The inbox has the message.
pub(super) struct Stored;

impl InboxSink {
    pub(super) const fn new(inbox: Inbox) -> Self {
        Self(Some(inbox))
    }

    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// Returns the source name of the inbox.
    pub(super) fn source(&self) -> Option<&str> {
        self.0.as_ref().map(Inbox::source)
    }

    /// Stores the message. Returns `None` without an inbox.
    pub(super) async fn store(
        &self,
        keys: &RequestKeys,
        parts: &Parts,
        message: &Message<'_>,
        webhook: &VerifiedWebhook,
        meters: &WebhookMeters,
    ) -> Result<Option<Stored>, WebhookRejection> {
        let Some(inbox) = &self.0 else {
            return Ok(None);
        };
        let request = StoredRequest::of(parts, webhook);
        // Boxed: most layers have no inbox.
        let received = Box::pin(inbox.receive(message, request, keys.verifier.now())).await;
        match received {
            Ok(Claimed::Fresh { other_body }) => {
                if other_body {
                    warn_of_reuse(keys, webhook.id());
                }
                Ok(Some(Stored))
            }
            Ok(Claimed::Done) => Err(WebhookRejection::Duplicate),
            Ok(Claimed::InFlight { until }) => Err(WebhookRejection::InFlight {
                lapses_in: until.saturating_since(keys.verifier.now()),
            }),
            Err(err) => {
                meters.store_failed(Operation::Claim);
                tracing::error!(error = %err, cause = err.source(), "the inbox failed");
                Err(WebhookRejection::StoreFailed)
            }
        }
    }
}

impl Stored {
    pub(super) fn to_response<B>(&self) -> Response<ResponseBody<B>> {
        let mut response = Response::new(ResponseBody::own(Bytes::new()));
        *response.status_mut() = StatusCode::ACCEPTED;
        response
    }
}
