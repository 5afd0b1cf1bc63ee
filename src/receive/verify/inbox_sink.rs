//! Storing a message instead of handing it on.

use std::error::Error;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};

use super::handled::warn_of_reuse;
use super::keys::RequestKeys;
use super::meters::{Operation, WebhookMeters};
use super::rejection::WebhookRejection;
use crate::http::body::ResponseBody;
use crate::receive::dedupe::Message;
use crate::receive::inbox::{Inbox, ReceiveOutcome, StoredRequest};
use crate::wire::event::VerifiedWebhook;

/// Where messages are stored, if that is wanted.
#[derive(Clone, Debug)]
pub(super) struct InboxSink(Option<Inbox>);

/// The message is stored.
pub(super) struct Stored;

impl InboxSink {
    pub(super) const fn new(inbox: Inbox) -> Self {
        Self(Some(inbox))
    }

    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// Returns the inbox's name.
    pub(super) fn source(&self) -> Option<&str> {
        self.0.as_ref().map(Inbox::source)
    }

    /// Stores the message; `None` if it is to be handed on.
    pub(super) async fn store(
        &self,
        keys: &RequestKeys,
        parts: &Parts,
        message: &Message<'_>,
        delivered: &VerifiedWebhook,
        meters: &WebhookMeters,
    ) -> Result<Option<Stored>, WebhookRejection> {
        let Some(inbox) = &self.0 else {
            return Ok(None);
        };
        let request = StoredRequest::of(parts, delivered);
        // In a box of its own: most layers have no inbox.
        let received = Box::pin(inbox.receive(message, request, keys.verifier.now())).await;
        match received {
            Ok(ReceiveOutcome::New { other_body }) => {
                if other_body {
                    warn_of_reuse(keys, delivered.id());
                }
                Ok(Some(Stored))
            }
            Ok(ReceiveOutcome::Known) => Err(WebhookRejection::Duplicate),
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
