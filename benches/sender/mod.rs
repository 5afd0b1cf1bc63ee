//! A sender of events: each request with an id of its own, signed now.
#![allow(dead_code, reason = "each bench uses a part")]

use std::fmt::Write as _;

use bytes::Bytes;
use http::HeaderMap;
use tower_auth_sync::clock::{Clock, SystemClock};
use tower_auth_sync::id::MessageId;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::Signer;

/// Banata takes this text as it is, the others and the peers decode it.
pub(crate) const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Where the sender writes a message's id besides the header.
#[derive(Clone, Copy)]
pub(crate) enum IdInBody {
    /// At the root, as our emitter does: the receiver compares it with the header's.
    AtRoot,
    /// Not where the receiver looks for it, as foreign senders do.
    Elsewhere,
}

/// Signs event after event.
pub(crate) struct Sender {
    signer: Signer,
    id_in_body: IdInBody,
    size: usize,
    sent: u64,
}

impl Sender {
    /// Creates a sender of JSON bodies of `size` bytes.
    pub(crate) fn new(scheme: Scheme, id_in_body: IdInBody, size: usize) -> Self {
        Self {
            signer: Signer::new(scheme, [SECRET]).unwrap(),
            id_in_body,
            size,
            sent: 0,
        }
    }

    /// Returns the headers and the body of the next event.
    pub(crate) fn next(&mut self) -> (HeaderMap, Bytes) {
        self.sent += 1;
        let id = format!("msg_{:026}", self.sent);
        let body = event(&id, self.id_in_body, self.size);
        let id = MessageId::new(id).unwrap();
        let now = SystemClock.now().to_secs();
        let mut headers = HeaderMap::new();
        self.signer.sign_at(&id, now, &body).apply(&mut headers);
        headers.insert("content-type", "application/json".parse().unwrap());
        headers.insert("content-length", body.len().into());
        (headers, body.into())
    }
}

/// An event with as many members as fit.
fn event(id: &str, id_in_body: IdInBody, size: usize) -> Vec<u8> {
    let name = match id_in_body {
        IdInBody::AtRoot => "id",
        IdInBody::Elsewhere => "reference",
    };
    let mut text = format!(r#"{{"{name}":"{id}","event":"user.updated","data":{{"id":"user_1""#);
    for n in 0.. {
        let member = format!(r#","member{n}":"value {n}""#);
        if text.len() + member.len() + END.len() > size {
            break;
        }
        text += &member;
    }
    let padding = size.saturating_sub(text.len() + END.len());
    write!(text, "{:padding$}{END}", "").unwrap();
    text.into_bytes()
}

const END: &str = "}}";
