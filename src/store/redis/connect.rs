//! From a URL to a connection.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{Client, IntoConnectionInfo as _};

use super::error::store_error;
use crate::base::error::StoreError;

/// Makes the connection that all copies of a store share; it is opened at its first use, and again
/// after it broke.
pub(super) fn connection(url: &str) -> Result<ConnectionManager, StoreError> {
    let address = url.into_connection_info().map_err(store_error)?;
    let client = Client::open(address.set_tcp_settings(tcp())).map_err(store_error)?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(ANSWER_TIMEOUT))
        // While the server is away each call fails at once, and tries again to connect.
        .set_number_of_retries(0)
        .set_pipeline_buffer_size(CALLS_AT_ONCE);
    ConnectionManager::new_lazy_with_config(client, config).map_err(store_error)
}

/// A connection whose other end went away without a word is noticed.
fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(SILENCE);
    let settings = TcpSettings::default().set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(SILENCE);
    settings
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the server may take for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

const SILENCE: Duration = Duration::from_secs(10);

/// How many calls may wait to be written; the driver's own default is 50.
const CALLS_AT_ONCE: usize = 1024;
