//! Who is signed in: look-ups of the session that a request belongs to.

pub(crate) mod cookie;
mod get_session;
mod lookup;

pub use self::get_session::GetSession;
pub use self::lookup::{ActiveSession, SessionLookup, Sessions};

/// 4 MiB: a user with a picture of megabytes in a field is still read.
pub(crate) const RESPONSE_LIMIT: usize = 4 * 1024 * 1024;
