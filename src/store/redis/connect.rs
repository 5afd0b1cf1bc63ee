//! Connecting.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{Client, IntoConnectionInfo as _};

use super::error::store_error;
use crate::base::error::StoreError;

/// Creates the connection that all copies of a store share. The first call opens it, and the next call
/// after a failure opens it again.
pub(super) fn connection(url: &str) -> Result<ConnectionManager, StoreError> {
    let address = url.into_connection_info().map_err(store_error)?;
    let client = Client::open(address.set_tcp_settings(tcp())).map_err(store_error)?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
        // While the server is down, each call tries once to connect and fails at once.
        .set_number_of_retries(0)
        .set_pipeline_buffer_size(QUEUED_CALLS);
    ConnectionManager::new_lazy_with_config(client, config).map_err(store_error)
}

/// Keep-alive detects a connection whose other end is gone.
fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    let settings = TcpSettings::default().set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(KEEPALIVE);
    settings
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Timeout of one response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Idle time before the first keep-alive probe, and timeout of unacknowledged data.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Largest number of calls that wait to be written. The driver's default is 50.
const QUEUED_CALLS: usize = 1024;
