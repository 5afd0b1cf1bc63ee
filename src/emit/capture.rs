//! A captured call, from the ping of the store to the release of the answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Request, Response, request, response};
use http_body::Body;
use tower_service::Service;

use super::body::CapturedBody;
use super::declared::Declared;
use super::exchange::{Exchange, Form};
use super::layer::{OnStoreFailure, Settings};
use super::redact::Secrets;
use super::rejection::{EventsLost, Unready};
use super::rules::{Capture, SessionUse};
use super::sessions::ActiveSession;
use crate::body::ResponseBody;
use crate::event::AuthEvent;
use crate::problem::{Problem, ProblemKind};

/// What the layer answers.
pub(super) type Answer<B> = Response<ResponseBody<CapturedBody<B>>>;

/// How long a captured request's body may take: the limit that `VerifyWebhookLayer` has, too.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Makes the call, finds out what happened, and stores it before the answer is released.
pub(super) async fn call<S, ReqBody, ResBody>(
    mut ready: S,
    request: Request<ReqBody>,
    how: Capture,
    settings: Arc<Settings>,
) -> Result<Answer<ResBody>, S::Error>
where
    S: Service<Request<CapturedBody<ReqBody>>, Response = Response<ResBody>>,
    ReqBody: Body<Data = Bytes>,
    ResBody: Body<Data = Bytes>,
{
    let (parts, body) = request.into_parts();
    let before = match prepare(&settings, &how, &parts.headers).await {
        Ok(before) => before,
        Err(unready) => return Ok(ResponseBody::problem(&unready.to_problem())),
    };
    let Ok((body, seen)) = tokio::time::timeout(
        BODY_DEADLINE,
        look(&settings, "request", &parts.headers, body),
    )
    .await
    else {
        let problem = Problem::new(ProblemKind::BODY_TIMEOUT);
        return Ok(ResponseBody::problem(&problem));
    };
    let head = head_of(&parts);
    let mut response = ready.call(Request::from_parts(parts, body)).await?;

    if let Some(events) = Declared::take(response.extensions_mut()) {
        let stored = store(&settings, events).await;
        return Ok(release(
            &settings,
            stored,
            response.map(CapturedBody::untouched),
        ));
    }
    if !how.statuses.contains(&response.status()) {
        let response = response.map(CapturedBody::untouched);
        return Ok(response.map(ResponseBody::from_inner));
    }
    let (parts, body) = response.into_parts();
    let (body, answered) = look(&settings, "response", &parts.headers, body).await;
    let exchange = Exchange::new(
        head,
        seen.as_ref(),
        head_of_response(&parts),
        answered.as_ref(),
    );
    let stored = conclude(&settings, &how, exchange, before).await;
    Ok(release(
        &settings,
        stored,
        Response::from_parts(parts, body),
    ))
}

/// Finds out, before anything happens, whether its events can be made and stored.
async fn prepare(
    settings: &Settings,
    how: &Capture,
    headers: &HeaderMap,
) -> Result<Option<ActiveSession>, Unready> {
    let refuse = settings.on_store_failure == OnStoreFailure::Refuse;
    if refuse {
        settings.emitter.ping().await.map_err(Unready::Store)?;
    }
    let Some(sessions) = settings
        .sessions
        .as_ref()
        .filter(|_| how.session >= SessionUse::Before)
    else {
        return Ok(None);
    };
    match sessions.session(headers).await {
        Ok(session) => Ok(session),
        Err(cause) if refuse => Err(Unready::Sessions(cause)),
        Err(cause) => {
            tracing::error!(
                error = &*cause as &dyn std::error::Error,
                "the session could not be looked up: a call is made without its events"
            );
            Ok(None)
        }
    }
}

/// Reads a body if a rule can make something of it.
async fn look<B: Body<Data = Bytes>>(
    settings: &Settings,
    side: &'static str,
    headers: &HeaderMap,
    body: B,
) -> (CapturedBody<B>, Option<Bytes>) {
    if encoded(headers) {
        tracing::warn!(
            side,
            "a captured body is content-encoded: its rule does not see it"
        );
        return (CapturedBody::untouched(body), None);
    }
    if Form::of(headers).is_none() {
        return (CapturedBody::untouched(body), None);
    }
    let (body, seen) = CapturedBody::read(body, settings.body_cap).await;
    if seen.is_none() {
        let cap = settings.body_cap;
        tracing::warn!(
            side,
            cap,
            "a captured body is longer than the cap or broke off: its rule does not see it"
        );
    }
    (body, seen)
}

fn encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
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
    store(settings, events).await
}

/// Stores events, all or none.
pub(super) async fn store(settings: &Settings, events: Vec<AuthEvent>) -> Result<(), EventsLost> {
    let names: Vec<_> = events.iter().map(|it| it.event_type().clone()).collect();
    match settings.emitter.emit_all(events).await {
        Ok(ids) => {
            for (event, id) in names.iter().zip(&ids) {
                tracing::debug!(%event, %id, "stored an auth event");
            }
            Ok(())
        }
        Err(cause) => Err(EventsLost::Store { names, cause }),
    }
}

/// Lets the answer go, unless its events are lost and that is not to happen.
pub(super) fn release<B: Body>(
    settings: &Settings,
    stored: Result<(), EventsLost>,
    response: Response<CapturedBody<B>>,
) -> Answer<B> {
    let Err(lost) = stored else {
        return response.map(ResponseBody::from_inner);
    };
    lost.log();
    match settings.on_store_failure {
        OnStoreFailure::Refuse => ResponseBody::problem(&lost.to_problem()),
        OnStoreFailure::LetGo => response.map(ResponseBody::from_inner),
    }
}

/// A copy of what rules see of a request. Extensions stay with the request.
fn head_of(parts: &request::Parts) -> request::Parts {
    let mut head = Request::new(()).into_parts().0;
    head.method = parts.method.clone();
    head.uri = parts.uri.clone();
    head.headers = parts.headers.clone();
    head
}

/// A copy of what rules see of a response.
fn head_of_response(parts: &response::Parts) -> response::Parts {
    let mut head = Response::new(()).into_parts().0;
    head.status = parts.status;
    head.headers = parts.headers.clone();
    head
}
