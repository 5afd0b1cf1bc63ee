//! The caller's session and user, before the call and after it.

use http::{HeaderMap, Response, StatusCode};
use serde_json::Value;

use super::exchange::Exchange;
use super::rejection::Unready;
use super::rules::{Capture, Listing, SessionUse};
use super::settings::Settings;
use crate::base::error::BoxError;
use crate::base::error::StoreFailurePolicy;
use crate::session::cookie;
use crate::session::cookie::Change;
use crate::session::{ActiveSession, Sessions};
use crate::wire::event::handle;
use crate::wire::json::text;

/// What is known before the call.
#[derive(Default)]
pub(crate) struct Before {
    session: Option<ActiveSession>,
    listed: Option<Response<Value>>,
}

/// Finds out who is signed in before anything happens, and what else the rule asks for. `None` where
/// that failed and the call is to be made without its events.
pub(crate) async fn before(
    settings: &Settings,
    how: &Capture,
    headers: &HeaderMap,
    sent: &Value,
) -> Result<Option<Before>, Unready> {
    let Some(sessions) = settings.rules.sessions() else {
        return Ok(Some(Before::default()));
    };
    let looked = look(sessions, how, headers, sent).await;
    match looked {
        Err(cause) if settings.store_failure_policy == StoreFailurePolicy::FailOpen => {
            tracing::error!(
                error = &*cause as &dyn std::error::Error,
                "the session could not be looked up: a call is made without its events"
            );
            Ok(None)
        }
        looked => looked.map(Some).map_err(Unready::Session),
    }
}

async fn look(
    sessions: &Sessions,
    how: &Capture,
    headers: &HeaderMap,
    sent: &Value,
) -> Result<Before, BoxError> {
    let session = match how.session {
        SessionUse::None | SessionUse::CookieAndAfter => None,
        SessionUse::Before | SessionUse::BeforeAndAfter => sessions.session(headers).await?,
    };
    let listed = match how.listing {
        Listing::None | Listing::IfReplaced(_) => None,
        Listing::Before(path) => match path(headers, sent) {
            Some(path) => listed_before(sessions, headers, &path).await,
            None => None,
        },
        Listing::SessionOf(key) => match sent.as_object().and_then(|sent| text(sent, key)) {
            Some(token) => session_of(sessions, headers, token).await?,
            None => None,
        },
    };
    let unlisted = listed.as_ref().map(Response::status);
    if unlisted.is_some_and(|it| !matches!(it, StatusCode::OK | StatusCode::UNAUTHORIZED)) {
        tracing::warn!(status = ?unlisted, "what a call may end could not be listed before it");
    }
    Ok(Before { session, listed })
}

/// A listing that fails refuses no call: whoever could make it fail could otherwise keep others from
/// ending their sessions.
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

/// Looks up the session of a token, which shows it where the server takes bearer tokens: whether it
/// does, the caller's own token tells. `None` where that is not known.
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

/// Completes an exchange by what is known after the call.
pub(crate) async fn look_again(
    settings: &Settings,
    how: &Capture,
    exchange: &mut Exchange,
    before: Before,
) -> Result<(), BoxError> {
    exchange.session = before.session;
    exchange.listed = before.listed;
    let Some(sessions) = settings.rules.sessions() else {
        return Ok(());
    };
    if how.session < SessionUse::BeforeAndAfter {
        return Ok(());
    }
    let request = exchange.request_headers();
    if how.session == SessionUse::CookieAndAfter {
        let token = cookie::replaced_token(request, exchange.response_headers());
        exchange.session = token.map(|token| ActiveSession::of_token(&token));
    }
    let request = exchange.request_headers();
    let after = sessions.session(&credentials_after(exchange)).await?;
    if let Listing::IfReplaced(path) = how.listing
        && is_replaced(exchange, after.as_ref())
    {
        exchange.listed = sessions.read(request, path).await?;
    }
    exchange.session_after = after;
    Ok(())
}

/// What the caller's next request will carry: the cookies, or a token that only the response tells.
fn credentials_after(exchange: &Exchange) -> HeaderMap {
    let (request, response) = (exchange.request_headers(), exchange.response_headers());
    if !matches!(cookie::change(request, response), Some(Change::To(_)))
        && let Some(token) = cookie::bearer_given(response)
            .or_else(|| told_token(exchange.response_json()).map(Into::into))
        && cookie::token(request).as_ref() != Some(&token)
    {
        return cookie::bearing(&token);
    }
    cookie::credentials_after(request, response)
}

/// The token of the session that a response's body opens.
pub(crate) fn told_token(response: &Value) -> Option<&str> {
    let fields = response.as_object()?;
    let session = fields.get("session").and_then(Value::as_object);
    session
        .and_then(|session| text(session, "token"))
        .or_else(|| text(fields, "token"))
        .or_else(|| text(fields, "access_token"))
}

/// Whether the caller had another session before, which may live on in the server.
fn is_replaced(exchange: &Exchange, after: Option<&ActiveSession>) -> bool {
    let (request, response) = (exchange.request_headers(), exchange.response_headers());
    let Some(before) = exchange.session() else {
        return false;
    };
    match after {
        Some(after) => after.handle() != before.handle(),
        None => cookie::change(request, response) == Some(Change::Cleared),
    }
}
