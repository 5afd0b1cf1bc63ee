//! Keeping secrets out of payloads, by name and by value.
//!
//! The allow-list of [`payload`](super::payload) is the first net; these two run after it, over
//! every nested object, array and text:
//!
//! 1. a field whose name is that of a secret goes, whatever it holds;
//! 2. a field whose text is, or contains, a secret value of this very exchange goes: a password,
//!    token, code or cookie of the request, a token or key of the answer.
//!
//! Ids at the top of a payload (`id`, `userId`, `handle`, …) are not compared with values: the auth
//! server chose them, and without them an event says nothing.

use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::exchange::Exchange;
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

/// The secret values of one exchange.
#[derive(Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    pub(super) fn of(exchange: &Exchange) -> Self {
        let mut secrets = Self::default();
        secrets.take_fields(exchange.request_json(), true);
        secrets.take_fields(exchange.response_json(), false);
        for (name, value) in exchange.query_pairs() {
            if names_secret(&name) {
                secrets.add(&value);
            }
        }
        secrets.take_request_headers(exchange.request_headers());
        secrets.take_response_headers(exchange.response_headers());
        let sessions = [exchange.session(), exchange.session_after()];
        for session in sessions.into_iter().flatten() {
            for fields in [session.session(), session.user()] {
                secrets.take_object(fields, false);
            }
        }
        secrets.0.sort_unstable();
        secrets.0.dedup();
        secrets
    }

    /// Removes what must not travel from an event.
    pub(super) fn scrub(&self, event: AuthEvent) -> AuthEvent {
        event.map_data(|mut data| {
            data.retain(|key, value| {
                !names_secret(key)
                    && (is_id(key) || !self.hides_text(key) && self.clean(value, MAX_DEPTH - 1))
            });
            data
        })
    }

    /// Removes from `value` what must not travel, or is nested deeper than `levels`; returns whether
    /// the rest of it may.
    fn clean(&self, value: &mut Value, levels: usize) -> bool {
        let below = levels.checked_sub(1);
        match (value, below) {
            (Value::Null | Value::Bool(_), _) => true,
            (Value::Number(number), _) => {
                self.0.is_empty() || !self.hides_text(&number.to_string())
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
        self.0.iter().any(|secret| {
            text == secret || (secret.len() >= CONTAINED && text.contains(secret.as_str()))
        })
    }

    fn add(&mut self, value: &str) {
        if !value.is_empty() {
            self.0.push(value.into());
        }
    }

    /// Takes every value under a secret's name. `sent` is whether the caller sent them: then `code`
    /// is a second factor, in an answer it is the name of an error.
    fn take_fields(&mut self, value: &Value, sent: bool) {
        match value {
            Value::Object(fields) => self.take_object(fields, sent),
            Value::Array(items) => items.iter().for_each(|item| self.take_fields(item, sent)),
            _ => {}
        }
    }

    fn take_object(&mut self, fields: &Map<String, Value>, sent: bool) {
        for (key, value) in fields {
            if names_secret(key) || (sent && key == "code") {
                self.take_all(value);
            } else {
                self.take_fields(value, sent);
            }
        }
    }

    fn take_all(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.add(&number.to_string()),
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.take_all(item)),
            Value::Object(fields) => fields.values().for_each(|value| self.take_all(value)),
        }
    }

    fn take_request_headers(&mut self, headers: &HeaderMap) {
        for (name, value) in texts(headers) {
            if *name == AUTHORIZATION {
                let credentials = value.split_once(' ').map_or(value, |(_scheme, it)| it);
                self.add_token(credentials.trim());
            } else if *name == COOKIE {
                for cookie in value.split(';') {
                    self.take_cookie(cookie);
                }
            } else if names_secret(name.as_str()) {
                self.add_token(value);
            }
        }
    }

    fn take_response_headers(&mut self, headers: &HeaderMap) {
        for (name, value) in texts(headers) {
            if *name == SET_COOKIE {
                self.take_cookie(value.split(';').next().unwrap_or_default());
            } else if names_secret(name.as_str()) || name.as_str().starts_with("set-auth-") {
                self.add_token(value);
            }
        }
    }

    fn take_cookie(&mut self, cookie: &str) {
        let Some((name, value)) = cookie.split_once('=') else {
            return;
        };
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        // A remembered address or name is no secret, and dropping it from events would be a loss.
        let token_like = |byte: u8| byte.is_ascii_alphanumeric() || b"._~+/=%-".contains(&byte);
        let opaque = value.len() >= OPAQUE_COOKIE && decode(value).bytes().all(token_like);
        if names_secret(name) || name.contains("session") || opaque {
            self.add_token(value);
        }
    }

    /// Takes a token as it is, decoded, and without the signature after its full stop.
    fn add_token(&mut self, token: &str) {
        let decoded = decode(token);
        if let Some((signed, _signature)) = decoded.split_once('.')
            && signed.len() >= CONTAINED
        {
            self.add(signed);
        }
        self.add(&decoded);
        self.add(token);
    }
}

/// Ids are public names. A handle is a hash, made by this crate.
fn is_id(key: &str) -> bool {
    key == "id" || key == "handle" || key.ends_with("Id")
}

fn texts(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &str)> {
    headers
        .iter()
        .filter_map(|(name, value)| Some((name, value.to_str().ok()?)))
}

/// Decodes `%41`; a `+` stays.
fn decode(text: &str) -> String {
    let kept = text.replace('+', "%2B");
    form_urlencoded::parse(format!("={kept}").replace('&', "%26").as_bytes())
        .next()
        .map(|(_key, value)| value.into_owned())
        .unwrap_or_default()
}
