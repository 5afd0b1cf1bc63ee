//! A captured call, from the ping of the store to the release of the answer.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request, response};
use http_body::Body;
use tower_service::Service;

use super::body::CapturedBody;
use super::declared::Declared;
use super::exchange::Exchange;
use super::layer::{Settings, UnstoredAnswer};
use super::redact::Secrets;
use super::rejection::{EventsLost, Unready};
use super::rules::{Capture, SessionUse};
use super::sessions::ActiveSession;
use super::{look, outbox};
use crate::body::ResponseBody;
use crate::event::AuthEvent;

/// What the layer answers.
pub(super) type Answer<B> = Response<ResponseBody<CapturedBody<B>>>;

/// Makes the call, finds out what happened, and stores it before the answer is released. Without
/// `how`, only what the answer declares has happened.
pub(super) async fn call<S, ReqBody, ResBody>(
    mut ready: S,
    request: Request<ReqBody>,
    how: Option<Capture>,
    settings: Arc<Settings>,
) -> Result<Answer<ResBody>, S::Error>
where
    S: Service<Request<CapturedBody<ReqBody>>, Response = Response<ResBody>>,
    ReqBody: Body<Data = Bytes>,
    ResBody: Body<Data = Bytes>,
{
    if let Err(unready) = check_store(&settings).await {
        return Ok(ResponseBody::problem(&unready.to_problem()));
    }
    let Some(how) = how else {
        let request = request.map(CapturedBody::untouched);
        let mut response = ready.call(request).await?;
        let declared = Declared::take(response.extensions_mut()).unwrap_or_default();
        return Ok(declare(&settings, declared, response).await);
    };
    let before = match find_session(&settings, &how, request.headers()).await {
        Ok(before) => before,
        Err(unready) => return Ok(ResponseBody::problem(&unready.to_problem())),
    };
    let (request, seen) = match look::request(&settings, &how, request).await {
        Ok(looked) => looked,
        Err(refused) => return Ok(ResponseBody::problem(&refused)),
    };
    let head = head_of(&request);
    let mut response = ready.call(request).await?;

    if let Some(events) = Declared::take(response.extensions_mut()) {
        return Ok(declare(&settings, events, response).await);
    }
    if !how.statuses.contains(&response.status()) {
        let response = response.map(CapturedBody::untouched);
        return Ok(response.map(ResponseBody::from_inner));
    }
    let (response, answered) = look::answer(&settings, response).await;
    let exchange = Exchange::new(
        head,
        seen.as_ref(),
        head_of_response(&response),
        answered.as_ref(),
    );
    let stored = conclude(&settings, &how, exchange, before).await;
    Ok(release(&settings, stored, response))
}

/// Stores the events that an answer declared, and releases it.
pub(super) async fn declare<B: Body<Data = Bytes>>(
    settings: &Settings,
    events: Vec<AuthEvent>,
    response: Response<B>,
) -> Answer<B> {
    let stored = outbox::store(&settings.emitter, events).await;
    release(settings, stored, response.map(CapturedBody::untouched))
}

/// Finds out, before anything happens, whether events can be stored.
async fn check_store(settings: &Settings) -> Result<(), Unready> {
    match settings.on_store_failure {
        UnstoredAnswer::Refuse => outbox::ping(&settings.emitter)
            .await
            .map_err(Unready::Store),
        UnstoredAnswer::LetGo => Ok(()),
    }
}

/// Finds out who is signed in before anything happens, if the rule asks.
async fn find_session(
    settings: &Settings,
    how: &Capture,
    headers: &HeaderMap,
) -> Result<Option<ActiveSession>, Unready> {
    let Some(sessions) = settings
        .sessions
        .as_ref()
        .filter(|_| how.session >= SessionUse::Before)
    else {
        return Ok(None);
    };
    match sessions.session(headers).await {
        Ok(session) => Ok(session),
        Err(cause) if settings.on_store_failure == UnstoredAnswer::Refuse => {
            Err(Unready::Sessions(cause))
        }
        Err(cause) => {
            tracing::error!(
                error = &*cause as &dyn std::error::Error,
                "the session could not be looked up: a call is made without its events"
            );
            Ok(None)
        }
    }
}

/// Asks the rules what happened, and stores it.
async fn conclude(
    settings: &Settings,
    how: &Capture,
    exchange: Exchange,
    before: Option<ActiveSession>,
) -> Result<(), EventsLost> {
    let after = match &settings.sessions {
        Some(sessions) if how.session == SessionUse::BeforeAndAfter && before.is_some() => {
            let headers = exchange.request_headers();
            sessions
                .session(headers)
                .await
                .map_err(EventsLost::Sessions)?
        }
        _ => None,
    };
    let exchange = exchange.with_sessions(before, after);
    let events = settings.rules.events(&exchange);
    if events.is_empty() {
        return Ok(());
    }
    let secrets = Secrets::of(&exchange);
    let events = events.into_iter().map(|it| secrets.scrub(it)).collect();
    outbox::store(&settings.emitter, events).await
}

/// Lets the answer go, unless its events are lost and that is not to happen.
fn release<B: Body>(
    settings: &Settings,
    stored: Result<(), EventsLost>,
    response: Response<CapturedBody<B>>,
) -> Answer<B> {
    let Err(lost) = stored else {
        return response.map(ResponseBody::from_inner);
    };
    lost.log();
    match settings.on_store_failure {
        UnstoredAnswer::Refuse => ResponseBody::problem(&EventsLost::to_problem()),
        UnstoredAnswer::LetGo => response.map(ResponseBody::from_inner),
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
