//! A captured call, from the ping of the store to the release of the response.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request, response};
use http_body::Body;
use tokio::time::Instant;
use tower_service::Service;

use super::caller;
use super::caller::Before;
use super::declared::Declared;
use super::exchange::{Exchange, time_of_call};
use super::look::Unreadable;
use super::redact::Secrets;
use super::rejection::{EventsLost, Unready};
use super::rules::{BodyUse, Capture, Responses};
use super::settings::Settings;
use super::{look, outbox};
use crate::base::error::StoreFailurePolicy;
use crate::http::body::BufferedBody;
use crate::http::body::ResponseBody;
use crate::session::cookie;
use crate::session::cookie::Change;
use crate::wire::event::AuthEvent;

/// What the layer answers.
pub(super) type Answer<B> = Response<ResponseBody<BufferedBody<B>>>;

/// Makes the call, finds out what happened, and stores it before the response is released. Without
/// `how`, only what the response declares has happened.
pub(super) async fn call<S, ReqBody, ResBody>(
    mut ready: S,
    request: Request<ReqBody>,
    how: Option<Capture>,
    settings: Arc<Settings>,
) -> Result<Answer<ResBody>, S::Error>
where
    S: Service<Request<BufferedBody<ReqBody>>, Response = Response<ResBody>>,
    ReqBody: Body<Data = Bytes>,
    ResBody: Body<Data = Bytes>,
{
    if how.as_ref().is_none_or(Capture::is_named)
        && let Err(unready) = check_store(&settings).await
    {
        return Ok(ResponseBody::problem(&unready.to_problem()));
    }
    let Some(how) = how else {
        let request = request.map(BufferedBody::untouched);
        let mut response = ready.call(request).await?;
        let declared = Declared::take(response.extensions_mut()).unwrap_or_default();
        return Ok(declare(&settings, declared, response).await);
    };
    let (request, request_json) = match look::request(&settings, &how, request).await {
        Ok(looked) => looked,
        Err(refused) => return Ok(ResponseBody::problem(&refused)),
    };
    let before = match caller::before(&settings, &how, request.headers(), &request_json).await {
        Ok(before) => before,
        Err(unready) => return Ok(ResponseBody::problem(&unready.to_problem())),
    };
    let head = head_of(&request);
    let began = Instant::now();
    let mut response = ready.call(request).await?;

    if let Some(events) = Declared::take(response.extensions_mut()) {
        return Ok(declare(&settings, events, response).await);
    }
    if !is_captured(&how, &head.headers, &response) {
        let response = response.map(BufferedBody::untouched);
        return Ok(response.map(ResponseBody::from_inner));
    }
    let took = began.elapsed();
    let made = time_of_call(response.headers(), settings.emitter.now(), took);
    let (response, seen) = look::response(&settings, &how, response).await;
    let exchange = Exchange {
        request: head,
        request_json,
        response_json: seen.as_ref().cloned().unwrap_or_default(),
        response: head_of_response(&response),
        session: None,
        session_after: None,
        listed: None,
        made,
        took,
    };
    let stored = conclude(&settings, &how, exchange, before, seen.err()).await;
    Ok(release(&settings, stored, response))
}

/// Stores the events that a response declared, and releases it.
pub(super) async fn declare<B: Body<Data = Bytes>>(
    settings: &Settings,
    events: Vec<AuthEvent>,
    response: Response<B>,
) -> Answer<B> {
    let stored = outbox::store(&settings.emitter, events).await;
    release(settings, stored, response.map(BufferedBody::untouched))
}

/// Finds out, before anything happens, whether events can be stored.
async fn check_store(settings: &Settings) -> Result<(), Unready> {
    match settings.store_failure_policy {
        StoreFailurePolicy::FailClosed => outbox::ping(&settings.emitter)
            .await
            .map_err(Unready::Store),
        StoreFailurePolicy::FailOpen => Ok(()),
    }
}

/// Whether a response may tell of a change.
fn is_captured<B>(how: &Capture, request: &HeaderMap, response: &Response<B>) -> bool {
    let status = response.status();
    let refused = status.is_client_error();
    let change = || cookie::change(request, response.headers());
    match &how.responses {
        Responses::WithStatus(statuses) => statuses.contains(&status),
        Responses::ThatMayChangeSomething => !refused || change().is_some(),
        Responses::ThatChangeTheCookie => match change() {
            Some(Change::To(_)) => true,
            // A refusal clears the cookie of a session that had ended before.
            Some(Change::Cleared) => !refused,
            None => false,
        },
    }
}

/// Asks the rules what happened, and stores it.
async fn conclude(
    settings: &Settings,
    how: &Capture,
    mut exchange: Exchange,
    before: Option<Before>,
    unseen: Option<Unreadable>,
) -> Result<(), EventsLost> {
    let Some(before) = before else {
        return Ok(());
    };
    caller::look_again(settings, how, &mut exchange, before)
        .await
        .map_err(EventsLost::Session)?;
    let session_known = exchange.session.is_some() || exchange.session_after.is_some();
    if let Some(why) = unseen
        && !(how.body == BodyUse::JsonOrSession && session_known)
    {
        return Err(EventsLost::Response(why));
    }
    let events = settings.rules.events(&exchange);
    if events.is_empty() {
        return Ok(());
    }
    let secrets = Secrets::of(&exchange);
    let scrubbed = events.into_iter().map(|event| secrets.scrub(event).fit());
    let events = scrubbed
        .collect::<Result<_, _>>()
        .map_err(EventsLost::Unfit)?;
    outbox::store(&settings.emitter, events).await
}

/// Lets the response go, unless its events are lost and that is not to happen.
fn release<B: Body>(
    settings: &Settings,
    stored: Result<(), EventsLost>,
    response: Response<BufferedBody<B>>,
) -> Answer<B> {
    let Err(lost) = stored else {
        return response.map(ResponseBody::from_inner);
    };
    lost.log();
    match settings.store_failure_policy {
        StoreFailurePolicy::FailClosed => ResponseBody::problem(&EventsLost::to_problem()),
        StoreFailurePolicy::FailOpen => response.map(ResponseBody::from_inner),
    }
}

/// A copy of what rules see of a request. Extensions stay with the request.
fn head_of<B>(request: &Request<B>) -> request::Parts {
    let mut head = Request::new(()).into_parts().0;
    head.method = request.method().clone();
    head.uri = request.uri().clone();
    head.headers = request.headers().clone();
    head
}

/// A copy of what rules see of a response.
fn head_of_response<B>(response: &Response<B>) -> response::Parts {
    let mut head = Response::new(()).into_parts().0;
    head.status = response.status();
    head.headers = response.headers().clone();
    head
}
