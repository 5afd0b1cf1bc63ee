//! The secret values of an exchange.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

use super::names::names_secret;
use super::packed::{MAX_PACKED, PackedJson};
use super::scan::CONTAINED;
use crate::send::emit::exchange::Exchange;
use crate::session::cookie::percent_decode;

/// Where a value comes from.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Origin {
    /// The caller sent it.
    Caller,
    /// People chose it, and the response repeats it.
    People,
    /// The server made it.
    Server,
}

/// The secret values of one exchange. JSON packed in a text is searched like the JSON around it.
#[derive(Default)]
pub(crate) struct SecretValues {
    pub(crate) all: Vec<String>,
    /// The values that the server made.
    pub(crate) issued: Vec<String>,
    /// The number of texts around the value being searched.
    packed: usize,
}

impl SecretValues {
    pub(crate) fn of(exchange: &Exchange) -> Self {
        let mut values = Self::default();
        values.take_fields(exchange.request_json(), Origin::Caller);
        values.take_fields(exchange.response_json(), Origin::Server);
        for (name, value) in exchange.query_pairs() {
            let value = Value::from(value);
            if names_secret(&name) {
                values.take_all(&value, Origin::Caller);
            } else {
                values.take_fields(&value, Origin::Caller);
            }
        }
        values.take_request_headers(exchange.request_headers());
        values.take_response_headers(exchange.response_headers());
        let sessions = [exchange.session(), exchange.session_after()];
        for session in sessions.into_iter().flatten() {
            values.take_object(session.session(), Origin::Server);
            values.take_object(session.user(), Origin::People);
        }
        values
    }

    fn add(&mut self, value: &str, from: Origin) {
        if from == Origin::Server && value.len() >= ISSUED {
            self.issued.push(value.into());
        }
        self.all.push(value.into());
    }

    /// Takes every value under a secret's name.
    fn take_fields(&mut self, value: &Value, from: Origin) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => self.unpack(text, from, Self::take_fields),
            Value::Array(items) => items.iter().for_each(|item| self.take_fields(item, from)),
            Value::Object(fields) => self.take_object(fields, from),
        }
    }

    /// In a request `code` is a one-time code; in a response it is an error code.
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
            Value::String(text) => {
                self.add(text, from);
                self.unpack(text, from, Self::take_all);
            }
            Value::Array(items) => items.iter().for_each(|item| self.take_all(item, from)),
            Value::Object(fields) => fields.values().for_each(|it| self.take_all(it, from)),
        }
    }

    fn unpack(&mut self, text: &str, from: Origin, take: fn(&mut Self, &Value, Origin)) {
        if self.packed == MAX_PACKED {
            return;
        }
        if let Some(packed) = PackedJson::read(text) {
            self.packed += 1;
            take(self, &packed.value, from);
            self.packed -= 1;
        }
    }

    fn take_request_headers(&mut self, headers: &HeaderMap) {
        for (name, value) in texts(headers) {
            let value = &*value;
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
            let value = &*value;
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
        // A remembered address or name is no secret; events should keep it.
        let token_like = |byte: u8| byte.is_ascii_alphanumeric() || b"._~+/=%-".contains(&byte);
        let opaque = value.len() >= OPAQUE_COOKIE && percent_decode(value).bytes().all(token_like);
        if names_secret(name) || name.contains("session") {
            self.add_token(value, from);
        } else if opaque {
            self.add_token(value, Origin::Caller);
        }
    }

    /// Adds a token as it is, decoded, and without the signature after its full stop.
    fn add_token(&mut self, token: &str, from: Origin) {
        let decoded = percent_decode(token);
        if let Some((signed, _signature)) = decoded.split_once('.')
            && signed.len() >= CONTAINED
        {
            self.add(signed, from);
        }
        self.add(&decoded, from);
        self.add(token, from);
    }
}

fn texts(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, Cow<'_, str>)> {
    let headers = headers.iter();
    headers.map(|(name, value)| (name, String::from_utf8_lossy(value.as_bytes())))
}

/// Shorter values of cookies with harmless names are flags and preferences, not secrets.
const OPAQUE_COOKIE: usize = 16;

/// Shorter tokens of a response might be the caller's words.
const ISSUED: usize = 16;
