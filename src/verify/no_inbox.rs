//! Stands for the inbox in a build without the feature `inbox`: every message is handed on.

use http::Response;
use http::request::Parts;

use super::keys::Keys;
use super::meters::Meters;
use super::rejection::RefusalReason;
use crate::body::ResponseBody;
use crate::dedupe::Message;
use crate::event::Delivered;

#[derive(Clone, Debug)]
pub(super) struct Intake;

pub(super) enum Stored {}

impl Intake {
    pub(super) const fn none() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "it stands for one that has a name")]
    pub(super) const fn source(&self) -> Option<&str> {
        None
    }

    #[expect(clippy::unused_async, reason = "it stands for one that waits")]
    pub(super) async fn store(
        &self,
        _keys: &Keys,
        _parts: &Parts,
        _message: &Message<'_>,
        _delivered: &Delivered,
        _meters: &Meters,
    ) -> Result<Option<Stored>, RefusalReason> {
        Ok(None)
    }
}

impl Stored {
    pub(super) fn to_response<B>(&self) -> Response<ResponseBody<B>> {
        match *self {}
    }
}
