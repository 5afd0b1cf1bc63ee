//! Keeping secrets out of payloads, by name and by value.
//!
//! The allow-list of [`payload`](super::payload) is the first net; these two run after it, over
//! every nested object, array and text:
//!
//! 1. a field whose name is that of a secret goes, whatever it holds;
//! 2. a field whose text is, or contains, a secret value of this very exchange goes: a password,
//!    token, code or cookie of the request, a token or key of the answer.
//!
//! Plain values at the top of a payload are judged more mildly where the auth server itself made
//! them public, or anybody could blank their own events with a password that is their name, or a
//! cookie that is their address:
//!
//! * ids (`id`, `userId`, `handle`, …) are not compared with values: the auth server chose them, and
//!   without them an event says nothing;
//! * documented fields (`name`, `email`, `role`, …) are compared only with what the server *issued*
//!   in this exchange: tokens, keys and session cookies of 16 bytes or more, which no caller chooses.
//!   So a password that somebody also entered as their name travels as the name, which everybody
//!   who may see the user sees anyway.
//!
//! Everything else, `metadata` and included fields above all, is compared with every secret.

use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::exchange::Exchange;
use super::payload::is_documented;
use crate::delivery::MAX_DEPTH;
use crate::event::AuthEvent;

/// Parts of names, compared in lower case without `_`, `-` and other marks.
const NAME_PARTS: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "totp",
    "backupcode",
    "recoverycode",
    "verificationcode",
    "privatekey",
    "apikey",
    "credential",
    "authorization",
];

/// Whole names.
const NAMES: [&str; 11] = [
    "key", "otp", "otps", "pin", "pwd", "pass", "hash", "salt", "cookie", "cookies", "jwt",
];

/// Shorter values are compared as a whole only: every text contains a short enough one.
const CONTAINED: usize = 8;

/// Shorter values of cookies with harmless names are flags and preferences, not secrets.
const OPAQUE_COOKIE: usize = 16;

/// Returns whether a field of this name holds a secret.
fn names_secret(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    NAMES.contains(&name.as_str()) || NAME_PARTS.iter().any(|part| name.contains(part))
}

/// Shorter tokens of an answer might be the caller's words.
const ISSUED: usize = 16;

/// Where a value comes from.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Origin {
    /// The caller sent it.
    Caller,
    /// The answer repeats what people chose.
    People,
    /// The server made it.
    Server,
}

/// The secret values of one exchange.
#[derive(Default)]
pub(super) struct Secrets {
    all: Vec<String>,
    issued: Vec<String>,
}

impl Secrets {
    pub(super) fn of(exchange: &Exchange) -> Self {
        let mut secrets = Self::default();
        secrets.take_fields(exchange.request_json(), Origin::Caller);
        secrets.take_fields(exchange.response_json(), Origin::Server);
        for (name, value) in exchange.query_pairs() {
            if names_secret(&name) {
                secrets.add(&value, Origin::Caller);
            }
        }
        secrets.take_request_headers(exchange.request_headers());
        secrets.take_response_headers(exchange.response_headers());
        let sessions = [exchange.session(), exchange.session_after()];
        for session in sessions.into_iter().flatten() {
            secrets.take_object(session.session(), Origin::Server);
            secrets.take_object(session.user(), Origin::People);
        }
        secrets.all.sort_unstable();
        secrets.all.dedup();
        secrets
    }

    /// Removes what must not travel from an event.
    pub(super) fn scrub(&self, event: AuthEvent) -> AuthEvent {
        event.map_data(|mut data| {
            data.retain(|key, value| !names_secret(key) && self.may_travel(key, value));
            data
        })
    }

    /// Judges a field at the top of a payload, and cleans it.
    fn may_travel(&self, key: &str, value: &mut Value) -> bool {
        let plain = !value.is_array() && !value.is_object();
        if plain && is_id(key) {
            return true;
        }
        if plain && is_documented(key) {
            return !value.as_str().is_some_and(|text| self.was_issued(text));
        }
        (is_documented(key) || !self.hides_text(key)) && self.clean(value, MAX_DEPTH - 1)
    }

    /// Removes from `value` what must not travel, or is nested deeper than `levels`; returns whether
    /// the rest of it may.
    fn clean(&self, value: &mut Value, levels: usize) -> bool {
        let below = levels.checked_sub(1);
        match (value, below) {
            (Value::Null | Value::Bool(_), _) => true,
            (Value::Number(number), _) => {
                self.all.is_empty() || !self.hides_text(&number.to_string())
            }
            (Value::String(text), _) => !self.hides_text(text),
            (Value::Array(_) | Value::Object(_), None) => false,
            (Value::Array(items), Some(below)) => {
                items.retain_mut(|item| self.clean(item, below));
                true
            }
            (Value::Object(fields), Some(below)) => {
                fields.retain(|key, value| {
                    !names_secret(key) && !self.hides_text(key) && self.clean(value, below)
                });
                true
            }
        }
    }

    fn hides_text(&self, text: &str) -> bool {
        self.all.iter().any(|secret| {
            text == secret || (secret.len() >= CONTAINED && text.contains(secret.as_str()))
        })
    }

    fn was_issued(&self, text: &str) -> bool {
        self.issued.iter().any(|secret| text.contains(&**secret))
    }

    fn add(&mut self, value: &str, from: Origin) {
        if from == Origin::Server && value.len() >= ISSUED {
            self.issued.push(value.into());
        }
        if !value.is_empty() {
            self.all.push(value.into());
        }
    }

    /// Takes every value under a secret's name.
    fn take_fields(&mut self, value: &Value, from: Origin) {
        match value {
            Value::Object(fields) => self.take_object(fields, from),
            Value::Array(items) => items.iter().for_each(|item| self.take_fields(item, from)),
            _ => {}
        }
    }

    /// Of a caller, `code` is a second factor; in an answer it is the name of an error.
    fn take_object(&mut self, fields: &Map<String, Value>, from: Origin) {
        for (key, value) in fields {
            let from = match (from, key.as_str()) {
                (Origin::Server, "user" | "metadata") => Origin::People,
                _ => from,
            };
            if names_secret(key) || (from == Origin::Caller && key == "code") {
                self.take_all(value, from);
            } else {
                self.take_fields(value, from);
            }
        }
    }

    fn take_all(&mut self, value: &Value, from: Origin) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.add(&number.to_string(), from),
            Value::String(text) => self.add(text, from),
            Value::Array(items) => items.iter().for_each(|item| self.take_all(item, from)),
            Value::Object(fields) => fields.values().for_each(|it| self.take_all(it, from)),
        }
    }

    fn take_request_headers(&mut self, headers: &HeaderMap) {
        for (name, value) in texts(headers) {
            if *name == AUTHORIZATION {
                let credentials = value.split_once(' ').map_or(value, |(_scheme, it)| it);
                self.add_token(credentials.trim(), Origin::Caller);
            } else if *name == COOKIE {
                for cookie in value.split(';') {
                    self.take_cookie(cookie, Origin::Caller);
                }
            } else if names_secret(name.as_str()) {
                self.add_token(value, Origin::Caller);
            }
        }
    }

    fn take_response_headers(&mut self, headers: &HeaderMap) {
        for (name, value) in texts(headers) {
            if *name == SET_COOKIE {
                let cookie = value.split(';').next().unwrap_or_default();
                self.take_cookie(cookie, Origin::Server);
            } else if names_secret(name.as_str()) || name.as_str().starts_with("set-auth-") {
                self.add_token(value, Origin::Server);
            }
        }
    }

    fn take_cookie(&mut self, cookie: &str, from: Origin) {
        let Some((name, value)) = cookie.split_once('=') else {
            return;
        };
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        // A remembered address or name is no secret, and dropping it from events would be a loss.
        let token_like = |byte: u8| byte.is_ascii_alphanumeric() || b"._~+/=%-".contains(&byte);
        let opaque = value.len() >= OPAQUE_COOKIE && decode(value).bytes().all(token_like);
        if names_secret(name) || name.contains("session") {
            self.add_token(value, from);
        } else if opaque {
            self.add_token(value, Origin::Caller);
        }
    }

    /// Takes a token as it is, decoded, and without the signature after its full stop.
    fn add_token(&mut self, token: &str, from: Origin) {
        let decoded = decode(token);
        if let Some((signed, _signature)) = decoded.split_once('.')
            && signed.len() >= CONTAINED
        {
            self.add(signed, from);
        }
        self.add(&decoded, from);
        self.add(token, from);
    }
}

/// Ids are public names. A handle is a hash, made by this crate.
pub(super) fn is_id(key: &str) -> bool {
    key == "id" || key == "handle" || key.ends_with("Id")
}

fn texts(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &str)> {
    headers
        .iter()
        .filter_map(|(name, value)| Some((name, value.to_str().ok()?)))
}

/// Decodes `%41`; a `+` stays.
pub(super) fn decode(text: &str) -> String {
    let kept = text.replace('+', "%2B");
    form_urlencoded::parse(format!("={kept}").replace('&', "%26").as_bytes())
        .next()
        .map(|(_key, value)| value.into_owned())
        .unwrap_or_default()
}
