//! The worker over a store that outlives its process.

use tokio_util::sync::CancellationToken;
use tower_auth_sync::outbox::DeliveryState;
use tower_auth_sync::store::sqlite::SqliteStore;

use super::LEASE;
use super::receiver::{Receiver, Reply};
use super::world::World;

#[tokio::test]
async fn what_a_killed_process_held_is_delivered_by_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deliveries.db");
    let mut receiver = Receiver::start([Reply::Never]).await;

    let before = World::around(SqliteStore::open(&path).await.unwrap());
    before.endpoint(receiver.url()).await;
    let event = before.emit().await;
    let doomed = before.worker().build().unwrap();
    let doomed = tokio::spawn(doomed.run(CancellationToken::new()));
    let first = receiver.next().await;
    doomed.abort();
    assert!(doomed.await.unwrap_err().is_cancelled());
    before.store.close().await;

    let after = World::around(SqliteStore::open(&path).await.unwrap());
    assert_eq!(after.deliver_due().await, Default::default());
    after.clock.advance(LEASE);
    assert_eq!(after.deliver_due().await.delivered, 1);

    let second = receiver.next().await;
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    assert_eq!(first.body, second.body);
    after.assert_genuine(&second);
    let delivery = after.delivery(&event).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    assert_eq!(delivery.attempts, 2);
}

#[tokio::test]
async fn two_workers_of_one_file_deliver_each_event_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deliveries.db");
    let one = World::around(SqliteStore::open(&path).await.unwrap());
    let other = World::around(SqliteStore::open(&path).await.unwrap());
    let mut receiver = Receiver::start([]).await;
    one.endpoint(receiver.url()).await;
    let mut expected = Vec::new();
    for _ in 0..50 {
        expected.push(one.emit().await.as_str().to_owned());
    }
    let (first, second) = tokio::join!(one.deliver_due(), other.deliver_due());
    assert_eq!(first.delivered + second.delivered, 50);

    let id = |call: &super::receiver::Call| call.headers["webhook-id"].to_str().unwrap().to_owned();
    let mut got: Vec<_> = receiver.calls().iter().map(id).collect();
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
}
