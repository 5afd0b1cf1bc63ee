//! The input of a rule.

use serde_json::{Map, Value};

use crate::send::emit::{Data, Exchange, IncludedFields};
use crate::wire::event::{AuthEvent, EventType};
use crate::wire::json::text;

/// One exchange, and the settings that a rule needs.
pub(super) struct RuleInput<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) include: &'a IncludedFields,
    pub(super) sessionless_sign_ups: bool,
}

impl<'a> RuleInput<'a> {
    pub(super) fn response(&self) -> &'a Value {
        self.exchange.response_json()
    }

    /// Returns the object under this key of the response.
    pub(super) fn object(&self, key: &str) -> Option<&'a Data> {
        self.response().get(key)?.as_object()
    }

    /// Returns the object under this key, or the response itself.
    pub(super) fn object_or_response(&self, key: &str) -> Option<&'a Data> {
        self.response()
            .get(key)
            .unwrap_or(self.response())
            .as_object()
    }

    /// Returns a text in the request's body.
    pub(super) fn request_text(&self, key: &str) -> Option<&'a str> {
        text(self.exchange.request_json().as_object()?, key)
    }

    /// Returns whether the response has `true` under this key.
    pub(super) fn is_true(&self, key: &str) -> bool {
        self.response()[key] == true
    }

    pub(super) fn user(&self, event_type: EventType, user: &Data) -> Vec<AuthEvent> {
        event(event_type, self.include.user(user))
    }
}

/// Makes one event, or none without data.
pub(super) fn event(event_type: EventType, data: Option<Data>) -> Vec<AuthEvent> {
    data.map(|data| AuthEvent::new(event_type, data))
        .into_iter()
        .collect()
}

pub(super) fn only_id(id: &str) -> Data {
    Map::from_iter([("id".into(), id.into())])
}
