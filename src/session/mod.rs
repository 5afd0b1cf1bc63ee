//! Sessions: who is signed in, found by the headers of a request.

pub(crate) mod cookie;
mod get_session;
mod lookup;

pub use self::get_session::GetSession;
pub use self::lookup::{ActiveSession, SessionLookup, Sessions};

/// 4 MiB: enough for a user with a picture of megabytes in a field.
pub(crate) const RESPONSE_LIMIT: usize = 4 * 1024 * 1024;
