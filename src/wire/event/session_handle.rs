//! Identification of a session without its token.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
#[cfg(feature = "emit")]
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

#[cfg(feature = "emit")]
use crate::wire::json::text;

/// Identifies a session by a hash of its token, so that no event contains the token.
///
/// The text is `base64url(SHA-256("tower-auth-sync session\0" ‖ token))`, 43 characters without
/// padding. Sender and receivers compute the same handle from the token. The handle does not reveal
/// the token, whose entropy excludes a search.
///
/// ```
/// use tower_auth_sync::event::SessionHandle;
///
/// let handle = SessionHandle::of_token("a-session-token");
/// assert_eq!(SessionHandle::new(handle.as_str()), Ok(handle));
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionHandle(Box<str>);

impl SessionHandle {
    /// Computes the handle of the session that `token` belongs to.
    ///
    /// `token` is the session token itself, without the signature that follows a full stop in a Better
    /// Auth cookie.
    #[must_use]
    pub fn of_token(token: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"tower-auth-sync session\0");
        hash.update(token.as_bytes());
        Self(URL_SAFE_NO_PAD.encode(hash.finalize()).into())
    }

    /// Checks and wraps an existing handle.
    ///
    /// # Errors
    ///
    /// [`InvalidHandle`] unless it is 32 bytes in base64url without padding.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, InvalidHandle> {
        let text = text.into();
        let is_handle = text.len() == HANDLE_LEN && URL_SAFE_NO_PAD.decode(&*text).is_ok();
        is_handle.then_some(Self(text)).ok_or(InvalidHandle)
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Characters of 32 bytes in base64url without padding.
const HANDLE_LEN: usize = 43;

impl fmt::Display for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SessionHandle {
    type Err = InvalidHandle;

    fn from_str(text: &str) -> Result<Self, InvalidHandle> {
        Self::new(text)
    }
}

impl TryFrom<String> for SessionHandle {
    type Error = InvalidHandle;

    fn try_from(text: String) -> Result<Self, InvalidHandle> {
        Self::new(text)
    }
}

impl From<SessionHandle> for String {
    fn from(handle: SessionHandle) -> Self {
        handle.0.into()
    }
}

/// A text that is no session handle.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a session handle is 32 bytes in base64url without padding (43 characters)")]
pub struct InvalidHandle;

/// Returns the handle of the session that `token` belongs to, as a JSON value.
#[cfg(feature = "emit")]
pub(crate) fn handle(token: &str) -> Value {
    SessionHandle::of_token(token).as_str().into()
}

#[cfg(feature = "emit")]
/// Returns the handle of a session object: that of its token, or its own.
pub(crate) fn handle_of(session: &Map<String, Value>) -> Option<Value> {
    let token = text(session, "token").map(handle);
    token.or_else(|| text(session, "handle").map(Into::into))
}
