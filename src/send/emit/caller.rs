//! The caller's session and user, before and after the call.

use http::{HeaderMap, Response, StatusCode};
use serde_json::Value;

use super::exchange::Exchange;
use super::rejection::EmitRejection;
use super::rules::{Capture, Listing, SessionUse};
use super::settings::EmitSettings;
use crate::base::error::{BoxError, StoreFailurePolicy};
use crate::session::cookie::{self, CookieChange};
use crate::session::{ActiveSession, Sessions};
use crate::wire::event::handle;
use crate::wire::json::text;

/// The look-ups before the call.
#[derive(Default)]
pub(crate) struct LookupsBefore {
    session: Option<ActiveSession>,
    listed: Option<Response<Value>>,
}

/// Looks up the session before the call, and what else the rule asks for. `None` if that failed and
/// the policy makes the call without its events.
pub(crate) async fn before(
    settings: &EmitSettings,
    capture: &Capture,
    headers: &HeaderMap,
    request_json: &Value,
) -> Result<Option<LookupsBefore>, EmitRejection> {
    let Some(sessions) = settings.rules.sessions() else {
        return Ok(Some(LookupsBefore::default()));
    };
    let found = look(sessions, capture, headers, request_json).await;
    match found {
        Err(cause) if settings.store_failure_policy == StoreFailurePolicy::FailOpen => {
            tracing::error!(
                error = &*cause as &dyn std::error::Error,
                "the session could not be looked up: a call is made without its events"
            );
            Ok(None)
        }
        found => found.map(Some).map_err(EmitRejection::SessionUnknown),
    }
}

async fn look(
    sessions: &Sessions,
    capture: &Capture,
    headers: &HeaderMap,
    request_json: &Value,
) -> Result<LookupsBefore, BoxError> {
    let session = match capture.session {
        SessionUse::None | SessionUse::CookieAndAfter => None,
        SessionUse::Before | SessionUse::BeforeAndAfter => sessions.session(headers).await?,
    };
    let listed = match capture.listing {
        Listing::None | Listing::IfReplaced(_) => None,
        Listing::Before(path) => match path(headers, request_json) {
            Some(path) => listed_before(sessions, headers, &path).await,
            None => None,
        },
        Listing::SessionOf(key) => match request_json
            .as_object()
            .and_then(|fields| text(fields, key))
        {
            Some(token) => session_of(sessions, headers, token).await?,
            None => None,
        },
    };
    let unlisted = listed.as_ref().map(Response::status);
    if unlisted.is_some_and(|it| !matches!(it, StatusCode::OK | StatusCode::UNAUTHORIZED)) {
        tracing::warn!(status = ?unlisted, "what a call may end could not be listed before it");
    }
    Ok(LookupsBefore { session, listed })
}

/// A failed listing refuses no call: otherwise whoever makes it fail would keep others from ending
/// their sessions.
async fn listed_before(
    sessions: &Sessions,
    headers: &HeaderMap,
    path: &str,
) -> Option<Response<Value>> {
    let listed = sessions.read(headers, path).await;
    listed.unwrap_or_else(|cause| {
        let error = &*cause as &dyn std::error::Error;
        tracing::warn!(error, path, "a listing before a call failed");
        let mut failed = Response::new(Value::Null);
        *failed.status_mut() = StatusCode::BAD_GATEWAY;
        Some(failed)
    })
}

/// Looks up the session of a token. That works where the server takes bearer tokens, which a look-up
/// by the caller's own token shows. `None` if the server's habit is unknown.
async fn session_of(
    sessions: &Sessions,
    headers: &HeaderMap,
    token: &str,
) -> Result<Option<Response<Value>>, BoxError> {
    let by_token = async |token: &str| {
        let found = sessions.session(&cookie::bearing(token)).await?;
        let is_own = |it: &ActiveSession| it.handle() == Some(handle(token));
        Ok::<_, BoxError>((found.as_ref().is_some_and(is_own), found))
    };
    let (found, session) = by_token(token).await?;
    if let Some(session) = session {
        let session = Value::Object(session.session().clone());
        return Ok(found.then(|| Response::new(session)));
    }
    let Some(own) = cookie::token(headers) else {
        return Ok(None);
    };
    let (takes_tokens, _) = by_token(&own).await?;
    let mut unknown = Response::new(Value::Null);
    *unknown.status_mut() = StatusCode::NOT_FOUND;
    Ok(takes_tokens.then_some(unknown))
}

/// Adds the look-ups after the call to an exchange.
pub(crate) async fn look_again(
    settings: &EmitSettings,
    capture: &Capture,
    exchange: &mut Exchange,
    before: LookupsBefore,
) -> Result<(), BoxError> {
    exchange.session = before.session;
    exchange.listed = before.listed;
    let Some(sessions) = settings.rules.sessions() else {
        return Ok(());
    };
    if capture.session < SessionUse::BeforeAndAfter {
        return Ok(());
    }
    let request = exchange.request_headers();
    if capture.session == SessionUse::CookieAndAfter {
        let token = cookie::replaced_token(request, exchange.response_headers());
        exchange.session = token.map(|token| ActiveSession::of_token(&token));
    }
    let request = exchange.request_headers();
    let after = sessions.session(&credentials_after(exchange)).await?;
    if let Listing::IfReplaced(path) = capture.listing
        && is_replaced(exchange, after.as_ref())
    {
        exchange.listed = sessions.read(request, path).await?;
    }
    exchange.session_after = after;
    Ok(())
}

/// Returns the credentials of the caller's next request: the cookies, or a token that only the response
/// holds.
fn credentials_after(exchange: &Exchange) -> HeaderMap {
    let (request, response) = (exchange.request_headers(), exchange.response_headers());
    if !matches!(cookie::change(request, response), Some(CookieChange::To(_)))
        && let Some(token) = cookie::bearer_given(response)
            .or_else(|| issued_token(exchange.response_json()).map(Into::into))
        && cookie::token(request).as_ref() != Some(&token)
    {
        return cookie::bearing(&token);
    }
    cookie::credentials_after(request, response)
}

/// Returns the token of the session that a response's body opens.
pub(crate) fn issued_token(response: &Value) -> Option<&str> {
    let fields = response.as_object()?;
    let session = fields.get("session").and_then(Value::as_object);
    session
        .and_then(|session| text(session, "token"))
        .or_else(|| text(fields, "token"))
        .or_else(|| text(fields, "access_token"))
}

/// Returns whether the caller had another session before, which may still live in the server.
fn is_replaced(exchange: &Exchange, after: Option<&ActiveSession>) -> bool {
    let (request, response) = (exchange.request_headers(), exchange.response_headers());
    let Some(before) = exchange.session() else {
        return false;
    };
    match after {
        Some(after) => after.handle() != before.handle(),
        None => cookie::change(request, response) == Some(CookieChange::Cleared),
    }
}
