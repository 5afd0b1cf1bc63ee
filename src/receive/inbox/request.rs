//! Stored requests: everything that a handler needs, without credentials.

use std::fmt;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request};
use http_body_util::Full;

use crate::wire::event::{VerifiedWebhook, WebhookHead};

/// A verified request in its stored form: two byte strings.
///
/// The head is text in lines that end with `\n`: the proof of the verification as a JSON object,
/// the method and the target (`POST /webhooks/auth?a=b`), and each header as `name:value`. It omits
/// `authorization`, `proxy-authorization`, `cookie`, headers marked as
/// [sensitive](HeaderValue::is_sensitive), and headers of the connection (RFC 9110 §7.6.1).
///
/// # Security
///
/// Whoever can write to the store can call the handler: nothing checks the signature again. The
/// body is stored as it is.
///
/// ```
/// use tower_auth_sync::inbox::StoredRequest;
///
/// let stored = StoredRequest::from_stored("head".into(), "body".into());
/// assert_eq!(stored.body(), "body");
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct StoredRequest {
    head: Bytes,
    body: Bytes,
}

impl StoredRequest {
    /// Creates a request from its stored [`head`](Self::head) and [`body`](Self::body). Damage
    /// shows when the handler is about to run.
    #[must_use]
    pub const fn from_stored(head: Bytes, body: Bytes) -> Self {
        Self { head, body }
    }

    /// Returns the head in its stored form.
    #[must_use]
    pub const fn head(&self) -> &Bytes {
        &self.head
    }

    /// Returns the signed bytes.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the [sender's id](VerifiedWebhook::id) of the message, if it has one and the head is
    /// readable.
    #[must_use]
    pub fn message_id(&self) -> Option<Box<str>> {
        let (webhook, _) = split_head(&self.head).ok()?;
        webhook.id
    }

    /// Creates the stored form of a verified request.
    pub(crate) fn of(parts: &Parts, webhook: &VerifiedWebhook) -> Self {
        // Strings and numbers cannot fail to serialize. JSON escapes line breaks in strings.
        let mut head = serde_json::to_vec(webhook.head()).unwrap_or_default();
        head.push(b'\n');
        let target = parts.uri.path_and_query();
        head.extend_from_slice(parts.method.as_str().as_bytes());
        head.push(b' ');
        head.extend_from_slice(target.map_or("/", |target| target.as_str()).as_bytes());
        head.push(b'\n');
        for (name, value) in &parts.headers {
            if is_kept(name, value, &parts.headers) {
                head.extend_from_slice(name.as_str().as_bytes());
                head.push(b':');
                head.extend_from_slice(value.as_bytes());
                head.push(b'\n');
            }
        }
        Self {
            head: head.into(),
            body: webhook.body().clone(),
        }
    }

    /// Restores the request, with [`VerifiedWebhook`] in its extensions.
    pub(crate) fn into_request(self) -> Result<Request<Full<Bytes>>, UnreadableRequest> {
        let (webhook, rest) = split_head(&self.head)?;
        let mut lines = Lines(rest);
        let target = lines.next().ok_or(UnreadableRequest)??;
        let (method, target) = split_at(target, b' ').ok_or(UnreadableRequest)?;
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::from_bytes(method).map_err(|_| UnreadableRequest)?;
        let target = PathAndQuery::try_from(target).map_err(|_| UnreadableRequest)?;
        *request.uri_mut() = target.into();
        for line in lines {
            let (name, value) = split_at(line?, b':').ok_or(UnreadableRequest)?;
            let name = HeaderName::from_bytes(name).map_err(|_| UnreadableRequest)?;
            let value = HeaderValue::from_bytes(value).map_err(|_| UnreadableRequest)?;
            let headers = request.headers_mut();
            headers
                .try_append(name, value)
                .map_err(|_| UnreadableRequest)?;
        }
        let webhook = VerifiedWebhook::new(webhook, self.body);
        request.extensions_mut().insert(webhook);
        Ok(request)
    }
}

/// Shows lengths only.
impl fmt::Debug for StoredRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredRequest")
            .field("head_bytes", &self.head.len())
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// The stored bytes differ from what this crate stores.
#[derive(Debug, thiserror::Error)]
#[error("the stored request cannot be read")]
pub(crate) struct UnreadableRequest;

/// Reads the first line of a head, and returns the other lines.
fn split_head(head: &[u8]) -> Result<(WebhookHead, &[u8]), UnreadableRequest> {
    let (line, rest) = split_at(head, b'\n').ok_or(UnreadableRequest)?;
    let webhook = serde_json::from_slice(line).map_err(|_| UnreadableRequest)?;
    Ok((webhook, rest))
}

/// Iterates over lines; each must end with a line feed.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a [u8], UnreadableRequest>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let split = split_at(self.0, b'\n');
        let (line, rest) = split.unwrap_or_default();
        self.0 = rest;
        Some(split.map(|_| line).ok_or(UnreadableRequest))
    }
}

fn split_at(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == separator)?;
    Some((&text[..at], &text[at + 1..]))
}

fn is_kept(name: &HeaderName, value: &HeaderValue, all: &HeaderMap) -> bool {
    !value.is_sensitive()
        && !CREDENTIALS.contains(&name.as_str())
        && !OF_THE_CONNECTION.contains(&name.as_str())
        && !is_named_by_connection(name, all)
}

/// Returns whether `Connection` limits the header to the next hop.
fn is_named_by_connection(name: &HeaderName, all: &HeaderMap) -> bool {
    let options = all.get_all(CONNECTION).iter();
    options
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|option| {
            option
                .trim_ascii()
                .eq_ignore_ascii_case(name.as_str().as_bytes())
        })
}

const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

const OF_THE_CONNECTION: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
