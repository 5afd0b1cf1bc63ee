//! The name of a receiver, and the keys of its messages.

use std::sync::atomic::{AtomicU64, Ordering};

use super::keys::{DedupeKeys, KeyDeriver, Message};
use crate::base::entropy::{SystemEntropy, random};

/// A receiver's configured name, which separates receivers that share a store.
#[derive(Debug)]
pub(crate) struct Source {
    name: Box<str>,
    deriver: KeyDeriver,
    /// Starts at random: two processes do not issue the same token for the same message.
    next_token: AtomicU64,
}

impl Source {
    /// Longest name, in bytes.
    const LONGEST: usize = 128;

    pub(crate) fn new(name: &str) -> Result<Self, InvalidSource> {
        if (1..=Self::LONGEST).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self::unchecked(name))
        } else {
            Err(InvalidSource)
        }
    }

    pub(super) fn unchecked(name: &str) -> Self {
        Self {
            name: name.into(),
            deriver: KeyDeriver::new(name),
            next_token: AtomicU64::new(u64::from_be_bytes(random(&SystemEntropy))),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Derives the keys by which this request may claim `message`.
    pub(crate) fn keys(&self, message: &Message<'_>) -> DedupeKeys {
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        self.deriver.derive(token, message)
    }
}

/// The source name does not have 1 to 128 printable ASCII characters without spaces.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a source has 1 to 128 printable ASCII characters and no space")]
pub struct InvalidSource;
