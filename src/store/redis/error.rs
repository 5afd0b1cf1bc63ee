//! Failures of the driver, as errors of the store.

use redis::{ErrorKind, RedisError};

use crate::base::error::StoreError;

/// Classifies a failure of the driver by its remedy.
pub(super) fn store_error(cause: RedisError) -> StoreError {
    match cause.kind() {
        ErrorKind::InvalidClientConfig | ErrorKind::AuthenticationFailed => {
            StoreError::address(cause)
        }
        ErrorKind::UnexpectedReturnType | ErrorKind::Parse => StoreError::corrupt(cause),
        _ => StoreError::unavailable(cause),
    }
}
