use std::time::Duration;

use tower_auth_sync::clock::{Clock as _, SystemClock};
use tower_auth_sync::store::redis::RedisStore;

use super::{kill, open, race, send};
use crate::servers;
use crate::servers::Server;

mod contract {
    use super::{RedisStore, servers};

    tower_auth_sync::__dedupe_store_tests!(optional async || {
        let url = servers::redis()?;
        Some(RedisStore::connect(&url).await.unwrap())
    });
}

#[test]
fn of_64_equal_requests_to_two_processes_one_is_handled() {
    if let Some(url) = servers::redis() {
        race(&url);
    }
}

#[tokio::test]
async fn a_killed_process_lets_the_retry_through_after_its_lease() {
    if let Some(url) = servers::redis() {
        kill(&url).await;
    }
}

#[tokio::test]
async fn while_the_server_is_down_the_sender_retries_and_then_the_message_is_handled() {
    let port = servers::free_port();
    let Some(server) = Server::redis(port) else {
        return;
    };
    let dedupe = open(&format!("redis://127.0.0.1:{port}/0")).await;
    let sent_at = SystemClock.now();
    let send = || send(&dedupe, SystemClock, sent_at, || async {});
    assert_eq!(send().await, 200);

    drop(server);
    for _ in 0..3 {
        assert_eq!(send().await, 503);
    }

    // The server restarts with an empty database, and without the scripts.
    let _server = Server::redis(port).unwrap();
    let handled = async {
        while send().await != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let handled = tokio::time::timeout(Duration::from_secs(10), handled);
    handled.await.expect("it connects again by itself");
}

#[tokio::test]
async fn every_key_expires_by_itself() {
    let Some(url) = servers::redis() else {
        return;
    };
    let dedupe = open(&url).await;
    assert_eq!(
        send(&dedupe, SystemClock, SystemClock.now(), || async {}).await,
        200
    );
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut connection)
        .await
        .unwrap();
    // The key of the message, and what it owns: the request and the unsigned id.
    assert_eq!(keys.len(), 3);
    for key in keys {
        assert!(key.starts_with(b"tas:dedupe:"));
        let is_message = key.starts_with(b"tas:dedupe:m:");
        let kept = if is_message {
            7 * 24 * 60 * 60
        } else {
            15 * 60
        };
        let mut ttl = redis::cmd("TTL");
        let ttl: i64 = ttl.arg(key).query_async(&mut connection).await.unwrap();
        assert!((kept - 60..=kept + 60).contains(&ttl), "{ttl}");
    }
}
