//! What a failure of the driver means for the caller.

use redis::{ErrorKind, RedisError};

use crate::base::error::StoreError;

/// Sorts a failure of the driver by what can be done about it.
pub(super) fn store_error(cause: RedisError) -> StoreError {
    match cause.kind() {
        ErrorKind::InvalidClientConfig | ErrorKind::AuthenticationFailed => {
            StoreError::address(cause)
        }
        ErrorKind::UnexpectedReturnType | ErrorKind::Parse => StoreError::corrupt(cause),
        _ => StoreError::unavailable(cause),
    }
}
