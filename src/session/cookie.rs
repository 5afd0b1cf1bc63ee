//! The session cookie of Better Auth, and its change by a response: `better-auth.session_token`, with
//! `__Secure-` before it or another prefix.

use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use url::form_urlencoded;

/// The change of the caller's session by a response.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum CookieChange {
    /// The response sets the session of this token.
    To(String),
    /// The response clears the session.
    Cleared,
}

/// Returns the token of the caller's session: the cookie's, else the bearer token.
pub(crate) fn token(request: &HeaderMap) -> Option<String> {
    let cookie = cookies(request).find(|(name, _)| is_session(name));
    match cookie {
        Some((_, value)) => unsigned(value),
        None => bearer(request),
    }
}

/// Returns the token of the session that `response` replaces: that of the cookie that it sets or
/// clears, else the bearer token.
pub(crate) fn replaced_token(request: &HeaderMap, response: &HeaderMap) -> Option<String> {
    let (set, _) = session_set(response)?;
    let cookie = cookies(request).find(|(name, _)| *name == set);
    match cookie {
        Some((_, value)) => unsigned(value),
        None => bearer(request),
    }
}

/// Returns the change by `response`. Setting the session that the caller has already is no change.
pub(crate) fn change(request: &HeaderMap, response: &HeaderMap) -> Option<CookieChange> {
    let (_, set) = session_set(response)?;
    let Some(token) = set.and_then(unsigned) else {
        return Some(CookieChange::Cleared);
    };
    let known = [replaced_token(request, response), bearer(request)];
    (!known.contains(&Some(token.clone()))).then_some(CookieChange::To(token))
}

/// Returns the session cookie that a response sets or clears; the last one counts.
fn session_set(response: &HeaderMap) -> Option<(&[u8], Option<&[u8]>)> {
    set_cookies(response)
        .filter(|(name, _)| is_session(name))
        .last()
}

/// Returns whether the caller has sessions besides the cookie's, as Better Auth's plugin for several
/// sessions keeps them.
pub(crate) fn has_several(request: &HeaderMap) -> bool {
    let is_of_several = |part: &[u8]| part == b"session_token_multi-";
    cookies(request).any(|(name, _)| name.windows(20).any(is_of_several))
}

/// Returns the token that Better Auth's plugin for bearer tokens issues.
pub(crate) fn bearer_given(response: &HeaderMap) -> Option<String> {
    unsigned(response.get("set-auth-token")?.as_bytes())
}

/// Returns the credentials that the caller has after the response.
pub(crate) fn credentials_after(request: &HeaderMap, response: &HeaderMap) -> HeaderMap {
    let mut after = HeaderMap::new();
    let sets_session = set_cookies(response).any(|(name, _)| is_session(name));
    if !sets_session && let Some(authorization) = request.get(AUTHORIZATION) {
        after.insert(AUTHORIZATION, authorization.clone());
    }
    let mut jar: Vec<(&[u8], &[u8])> = cookies(request).collect();
    for (name, value) in set_cookies(response) {
        jar.retain(|(known, _)| *known != name);
        jar.extend(value.map(|value| (name, value)));
    }
    let jar: Vec<_> = jar
        .iter()
        .map(|(name, value)| [*name, *value].join(&b'='))
        .collect();
    // The cookies came in headers, so they fit into one.
    if let (false, Ok(cookies)) = (
        jar.is_empty(),
        HeaderValue::from_bytes(&jar.join(&b"; "[..])),
    ) {
        after.insert(COOKIE, cookies);
    }
    after
}

/// Returns the credentials of a caller who has only a token.
pub(crate) fn bearing(token: &str) -> HeaderMap {
    let value = HeaderValue::try_from(format!("Bearer {token}"));
    value.map_or_else(
        |_not_a_header| HeaderMap::new(),
        |value| HeaderMap::from_iter([(AUTHORIZATION, value)]),
    )
}

fn is_session(name: &[u8]) -> bool {
    name.ends_with(SESSION_COOKIE)
}

/// Returns the token of a signed cookie: the part before the last full stop.
fn unsigned(cookie: &[u8]) -> Option<String> {
    let decoded = percent_decode(String::from_utf8_lossy(cookie).trim_matches('"'));
    let token = decoded
        .rsplit_once('.')
        .map_or(&*decoded, |(token, _)| token);
    (!token.is_empty()).then(|| token.to_owned())
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = split_once(headers.get(AUTHORIZATION)?.as_bytes(), b' ')?;
    scheme
        .eq_ignore_ascii_case(b"bearer")
        .then(|| unsigned(token.trim_ascii()))?
}

/// Returns the cookies of a request, as bytes: a caller may send any.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let headers = headers.get_all(COOKIE).iter();
    headers
        .flat_map(|cookies| cookies.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|cookie| split_once(cookie.trim_ascii(), b'='))
}

/// Returns the cookies that a response sets, with `None` for one that it clears.
fn set_cookies(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    headers.get_all(SET_COOKIE).iter().filter_map(|cookie| {
        let mut parts = cookie.as_bytes().split(|byte| *byte == b';');
        let (name, value) = split_once(parts.next()?.trim_ascii(), b'=')?;
        let lives = !value.is_empty() && !parts.any(ends_it);
        Some((name, lives.then_some(value)))
    })
}

/// Returns whether an attribute clears the cookie: no time to live, or an end in 1970.
fn ends_it(attribute: &[u8]) -> bool {
    let attribute = String::from_utf8_lossy(attribute).to_ascii_lowercase();
    let (name, value) = attribute.split_once('=').unwrap_or((&attribute, ""));
    let value = value.trim();
    match name.trim() {
        "max-age" => value == "0" || value.starts_with('-'),
        "expires" => value.contains(" 1970 ") || value.contains("-70 "),
        _ => false,
    }
}

fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == at)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// Decodes `%41`; a `+` stays.
pub(crate) fn percent_decode(text: &str) -> String {
    let kept = text.replace('+', "%2B");
    form_urlencoded::parse(format!("={kept}").replace('&', "%26").as_bytes())
        .next()
        .map(|(_key, value)| value.into_owned())
        .unwrap_or_default()
}

const SESSION_COOKIE: &[u8] = b"session_token";
