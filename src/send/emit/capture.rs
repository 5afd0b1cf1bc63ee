//! A captured call, from the ping of the store to the release of the response.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request, response};
use http_body::Body;
use tokio::time::Instant;
use tower_service::Service;

use super::caller::{self, LookupsBefore};
use super::declared::DeclaredEvents;
use super::exchange::{Exchange, time_of_call};
use super::read::{UnreadableBody, read_request, read_response};
use super::redact::Secrets;
use super::rejection::EmitRejection;
use super::rules::{BodyUse, Capture, Responses};
use super::settings::EmitSettings;
use super::store;
use crate::base::error::StoreFailurePolicy;
use crate::http::body::{BufferedBody, ResponseBody};
use crate::session::cookie::{self, CookieChange};
use crate::wire::event::AuthEvent;

/// The layer's response.
pub(super) type EmitterResponse<B> = Response<ResponseBody<BufferedBody<B>>>;

/// Makes the call, finds out what happened, and stores it before it releases the response. Without a
/// `capture`, only the events that the response declares have happened.
pub(super) async fn call<S, ReqBody, ResBody>(
    mut ready: S,
    request: Request<ReqBody>,
    capture: Option<Capture>,
    settings: Arc<EmitSettings>,
) -> Result<EmitterResponse<ResBody>, S::Error>
where
    S: Service<Request<BufferedBody<ReqBody>>, Response = Response<ResBody>>,
    ReqBody: Body<Data = Bytes>,
    ResBody: Body<Data = Bytes>,
{
    if capture.as_ref().is_none_or(Capture::is_named)
        && let Err(rejection) = check_store(&settings).await
    {
        return Ok(refuse(&rejection));
    }
    let Some(capture) = capture else {
        let request = request.map(BufferedBody::untouched);
        let mut response = ready.call(request).await?;
        let declared = DeclaredEvents::take(response.extensions_mut()).unwrap_or_default();
        return Ok(declare(&settings, declared, response).await);
    };
    let (request, request_json) = match read_request(&settings, &capture, request).await {
        Ok(read) => read,
        Err(problem) => return Ok(ResponseBody::problem(&problem)),
    };
    let before = match caller::before(&settings, &capture, request.headers(), &request_json).await {
        Ok(before) => before,
        Err(rejection) => return Ok(refuse(&rejection)),
    };
    let head = head_of(&request);
    let began = Instant::now();
    let mut response = ready.call(request).await?;

    if let Some(events) = DeclaredEvents::take(response.extensions_mut()) {
        return Ok(declare(&settings, events, response).await);
    }
    if !is_captured(&capture, &head.headers, &response) {
        let response = response.map(BufferedBody::untouched);
        return Ok(response.map(ResponseBody::from_inner));
    }
    let took = began.elapsed();
    let made = time_of_call(response.headers(), settings.emitter.now(), took);
    let (response, body) = read_response(&settings, &capture, response).await;
    let exchange = Exchange {
        request: head,
        request_json,
        response_json: body.as_ref().cloned().unwrap_or_default(),
        response: head_of_response(&response),
        session: None,
        session_after: None,
        listed: None,
        made,
        took,
    };
    let stored = conclude(&settings, &capture, exchange, before, body.err()).await;
    Ok(release(&settings, stored, response))
}

/// Stores the events that a response declared, and releases the response.
pub(super) async fn declare<B: Body<Data = Bytes>>(
    settings: &EmitSettings,
    events: Vec<AuthEvent>,
    response: Response<B>,
) -> EmitterResponse<B> {
    let stored = store::store(&settings.emitter, events).await;
    release(settings, stored, response.map(BufferedBody::untouched))
}

/// Checks, before the call, that events can be stored.
async fn check_store(settings: &EmitSettings) -> Result<(), EmitRejection> {
    match settings.store_failure_policy {
        StoreFailurePolicy::FailClosed => store::ping(&settings.emitter)
            .await
            .map_err(EmitRejection::StoreUnavailable),
        StoreFailurePolicy::FailOpen => Ok(()),
    }
}

fn refuse<B: Body>(rejection: &EmitRejection) -> EmitterResponse<B> {
    rejection.log();
    ResponseBody::problem(&rejection.to_problem())
}

/// Returns whether a response may show a change.
fn is_captured<B>(capture: &Capture, request: &HeaderMap, response: &Response<B>) -> bool {
    let status = response.status();
    let refused = status.is_client_error();
    let change = || cookie::change(request, response.headers());
    match &capture.responses {
        Responses::WithStatus(statuses) => statuses.contains(&status),
        Responses::ThatMayChangeSomething => !refused || change().is_some(),
        Responses::ThatChangeTheCookie => match change() {
            Some(CookieChange::To(_)) => true,
            // A refusal clears the cookie of a session that had ended before.
            Some(CookieChange::Cleared) => !refused,
            None => false,
        },
    }
}

/// Asks the rules for the events, and stores them.
async fn conclude(
    settings: &EmitSettings,
    capture: &Capture,
    mut exchange: Exchange,
    before: Option<LookupsBefore>,
    unread: Option<UnreadableBody>,
) -> Result<(), EmitRejection> {
    let Some(before) = before else {
        return Ok(());
    };
    caller::look_again(settings, capture, &mut exchange, before)
        .await
        .map_err(EmitRejection::SessionAfter)?;
    let session_known = exchange.session.is_some() || exchange.session_after.is_some();
    if let Some(why) = unread
        && !(capture.body == BodyUse::JsonOrSession && session_known)
    {
        return Err(EmitRejection::Unreadable(why));
    }
    let events = settings.rules.events(&exchange);
    if events.is_empty() {
        return Ok(());
    }
    let secrets = Secrets::of(&exchange);
    let scrubbed = events.into_iter().map(|event| secrets.scrub(event).fit());
    let events = scrubbed
        .collect::<Result<_, _>>()
        .map_err(EmitRejection::Unfit)?;
    store::store(&settings.emitter, events).await
}

/// Releases the response, unless its events are lost and the policy withholds it.
fn release<B: Body>(
    settings: &EmitSettings,
    stored: Result<(), EmitRejection>,
    response: Response<BufferedBody<B>>,
) -> EmitterResponse<B> {
    let Err(lost) = stored else {
        return response.map(ResponseBody::from_inner);
    };
    match settings.store_failure_policy {
        StoreFailurePolicy::FailClosed => refuse(&lost),
        StoreFailurePolicy::FailOpen => {
            lost.log();
            response.map(ResponseBody::from_inner)
        }
    }
}

/// Copies the parts of a request that rules see. Extensions stay with the request.
fn head_of<B>(request: &Request<B>) -> request::Parts {
    let mut head = Request::new(()).into_parts().0;
    head.method = request.method().clone();
    head.uri = request.uri().clone();
    head.headers = request.headers().clone();
    head
}

/// Copies the parts of a response that rules see.
fn head_of_response<B>(response: &Response<B>) -> response::Parts {
    let mut head = Response::new(()).into_parts().0;
    head.status = response.status();
    head.headers = response.headers().clone();
    head
}
