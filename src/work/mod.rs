//! What stores of work have in common, whatever the work is.

mod named;
mod signal;
mod token;

pub(crate) use self::named::named;
pub use self::signal::{WorkListener, WorkSignal};
pub use self::token::LeaseToken;
