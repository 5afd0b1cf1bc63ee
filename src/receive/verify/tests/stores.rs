//! A dedupe store that is slow, fails, or loses a claim.

use std::num::NonZeroUsize;
use std::time::Duration;

use http::header::RETRY_AFTER;

use super::*;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::error::StoreFailurePolicy;
use crate::receive::dedupe::{Claimed, Dedupe, DedupeKeys, DedupeStore, MemoryDedupe, Reply};

/// What happens to the next call of a kind.
#[derive(Clone, Copy, Default, PartialEq)]
enum Trouble {
    #[default]
    None,
    Fails,
    Hangs,
    /// Takes one second.
    Slow,
    /// Somebody else has the claim now.
    Loses,
}

/// A store that is elsewhere: each call yields, and may go wrong.
#[derive(Clone, Default)]
struct Remote {
    memory: MemoryDedupe,
    troubles: Arc<Mutex<Troubles>>,
}

#[derive(Default)]
struct Troubles {
    claim: Trouble,
    renew: Trouble,
    commit: Trouble,
    release: Trouble,
    log: Vec<&'static str>,
}

impl Remote {
    fn set(&self, set: impl FnOnce(&mut Troubles)) {
        set(&mut self.troubles.lock().unwrap());
    }

    fn log(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.troubles.lock().unwrap().log)
    }

    async fn suffer(
        &self,
        call: &'static str,
        which: fn(&Troubles) -> Trouble,
    ) -> Result<(), StoreError> {
        let trouble = which(&self.troubles.lock().unwrap());
        tokio::task::yield_now().await;
        match trouble {
            Trouble::None => {}
            Trouble::Fails => return Err(StoreError::unavailable("told to fail")),
            Trouble::Loses => return Err(StoreError::lease_lost()),
            Trouble::Hangs => pending().await,
            Trouble::Slow => tokio::time::sleep(Duration::from_secs(1)).await,
        }
        self.troubles.lock().unwrap().log.push(call);
        Ok(())
    }
}

/// A store whose claims fail, for the receiver named `source`.
pub(super) fn failing(source: &str) -> Dedupe {
    let store = Remote::default();
    store.set(|troubles| troubles.claim = Trouble::Fails);
    Dedupe::new(store, source).unwrap()
}

/// A store that loses each claim, for the receiver named `source`.
pub(super) fn losing(source: &str) -> Dedupe {
    let store = Remote::default();
    store.set(|troubles| (troubles.renew, troubles.commit) = (Trouble::Loses, Trouble::Loses));
    Dedupe::new(store, source).unwrap()
}

impl DedupeStore for Remote {
    fn claim(&self, keys: &DedupeKeys, now: UnixMillis, until: UnixMillis) -> Reply<Claimed> {
        let (store, keys) = (self.clone(), keys.clone());
        Reply::later(async move {
            store.suffer("claim", |troubles| troubles.claim).await?;
            store.memory.claim(&keys, now, until).await
        })
    }

    fn renew(&self, keys: &DedupeKeys, until: UnixMillis) -> Reply<()> {
        let (store, keys) = (self.clone(), keys.clone());
        Reply::later(async move {
            store.suffer("renew", |troubles| troubles.renew).await?;
            store.memory.renew(&keys, until).await
        })
    }

    fn commit(&self, keys: &DedupeKeys, now: UnixMillis) -> Reply<()> {
        let (store, keys) = (self.clone(), keys.clone());
        Reply::later(async move {
            store.suffer("commit", |troubles| troubles.commit).await?;
            store.memory.commit(&keys, now).await
        })
    }

    fn release(&self, keys: &DedupeKeys) -> Reply<()> {
        let (store, keys) = (self.clone(), keys.clone());
        Reply::later(async move {
            store.suffer("release", |troubles| troubles.release).await?;
            store.memory.release(&keys).await
        })
    }
}

fn receiver() -> (Receiver, Remote) {
    let store = Remote::default();
    let dedupe = Dedupe::new(store.clone(), "crm").unwrap();
    let receiver = Receiver::with(Scheme::banata(), |layer| layer.with_dedupe(dedupe));
    (receiver, store)
}

async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Polls `work` until nothing more happens, without time passing, then drops it.
async fn abandon<F: Future>(work: F) {
    tokio::select! {
        biased;
        _ = work => panic!("it was to be abandoned"),
        () = settle() => {}
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_store_fails_or_hangs_the_sender_is_asked_to_come_again() {
    let (receiver, store) = receiver();
    let started = tokio::time::Instant::now();
    for trouble in [Trouble::Fails, Trouble::Hangs] {
        store.set(|troubles| troubles.claim = trouble);
        let reply = receiver.send(banata("msg_1", BODY)).await;
        reply.assert_refused(503, "store-unavailable");
        assert_eq!(reply.headers[RETRY_AFTER], "10");
        assert_eq!(reply.reason, Some(WebhookRejection::StoreFailed));
    }
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    assert_eq!(receiver.handler.calls(), 0);
    store.set(|troubles| troubles.claim = Trouble::None);
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
}

#[tokio::test]
async fn failing_open_is_a_choice_and_lasts_as_long_as_the_failure() {
    let store = Remote::default();
    let dedupe = Dedupe::new(store.clone(), "crm").unwrap();
    let receiver = Receiver::with(Scheme::banata(), |layer| {
        let layer = layer.with_dedupe(dedupe);
        layer.with_store_failure_policy(StoreFailurePolicy::FailOpen)
    });
    store.set(|troubles| troubles.claim = Trouble::Fails);
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
    store.set(|troubles| troubles.claim = Trouble::None);
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
    receiver
        .send(banata("msg_1", BODY))
        .await
        .assert_duplicate();
}

#[tokio::test]
async fn a_full_store_in_memory_fails_closed() {
    let store = MemoryDedupe::with_capacity(NonZeroUsize::MIN);
    let dedupe = store.dedupe("crm").unwrap();
    let receiver = Receiver::with(Scheme::banata(), |layer| layer.with_dedupe(dedupe));
    receiver.send(banata("msg_1", "1")).await.assert_handled();
    let reply = receiver.send(banata("msg_2", "2")).await;
    reply.assert_refused(503, "store-unavailable");
    receiver.send(banata("msg_1", "1")).await.assert_duplicate();
}

#[tokio::test]
async fn refused_requests_do_not_reach_the_store() {
    let (receiver, store) = receiver();
    let forged = banata("msg_1", "{}").map(|_| Full::<Bytes>::from(BODY));
    receiver
        .send(forged)
        .await
        .assert_refused(401, "signature-mismatch");
    let mut get = banata("msg_1", BODY);
    *get.method_mut() = http::Method::GET;
    receiver
        .send(get)
        .await
        .assert_refused(405, "method-not-allowed");
    settle().await;
    assert_eq!(store.log(), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn the_claim_is_settled_before_the_head_leaves() {
    let (receiver, store) = receiver();
    store.set(|troubles| (troubles.commit, troubles.release) = (Trouble::Slow, Trouble::Slow));
    receiver.handler.act(Act::Answer(StatusCode::BAD_GATEWAY));
    let reply = receiver.send(banata("msg_1", BODY)).await;
    assert_eq!(reply.status, StatusCode::BAD_GATEWAY);
    assert_eq!(store.log(), ["claim", "release"]);

    receiver.handler.act(Act::Answer(StatusCode::OK));
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
    assert_eq!(store.log(), ["claim", "commit"]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_fails_leaves_the_2xx_and_is_tried_again_in_the_background() {
    for trouble in [Trouble::Fails, Trouble::Hangs] {
        let (receiver, store) = receiver();
        store.set(|troubles| troubles.commit = trouble);
        receiver.send(banata("msg_1", BODY)).await.assert_handled();
        let second = receiver.send(banata("msg_1", BODY)).await;
        second.assert_refused(409, "in-flight");

        store.set(|troubles| troubles.commit = Trouble::None);
        tokio::time::sleep(Duration::from_secs(2)).await;
        receiver
            .send(banata("msg_1", BODY))
            .await
            .assert_duplicate();
        assert_eq!(receiver.handler.calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_keeps_failing_is_given_up_and_the_message_comes_again() {
    let (receiver, store) = receiver();
    store.set(|troubles| troubles.commit = Trouble::Fails);
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
    tokio::time::sleep(Duration::from_secs(61)).await;
    receiver.clock.advance(Duration::from_secs(61));
    store.set(|troubles| troubles.commit = Trouble::None);
    tokio::time::sleep(Duration::from_secs(600)).await;
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_during_the_commit_does_not_undo_it() {
    let (receiver, store) = receiver();
    store.set(|troubles| troubles.commit = Trouble::Slow);
    abandon(receiver.send(banata("msg_1", BODY))).await;
    assert_eq!(receiver.handler.calls(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    receiver
        .send(banata("msg_1", BODY))
        .await
        .assert_duplicate();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_during_the_claim_or_the_handling_frees_the_message() {
    let (receiver, store) = receiver();
    store.set(|troubles| troubles.claim = Trouble::Slow);
    abandon(receiver.send(banata("msg_1", BODY))).await;
    settle().await;
    store.set(|troubles| troubles.claim = Trouble::None);
    receiver.handler.act(Act::Hang);
    abandon(receiver.send(banata("msg_1", BODY))).await;
    settle().await;
    assert_eq!(store.log(), ["release", "claim", "release"]);
    receiver.handler.act(Act::Answer(StatusCode::OK));
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
}

#[tokio::test]
async fn a_panic_frees_the_message_in_the_background() {
    let (receiver, store) = receiver();
    receiver.handler.act(Act::Panic);
    let sender = receiver.clone();
    let handling = tokio::spawn(async move { sender.send(banata("msg_1", BODY)).await });
    assert!(handling.await.unwrap_err().is_panic());
    settle().await;
    assert_eq!(store.log(), ["claim", "release"]);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_releases_nothing() {
    let (receiver, store) = receiver();
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
    receiver
        .send(banata("msg_1", BODY))
        .await
        .assert_duplicate();
    settle().await;
    assert_eq!(store.log(), ["claim", "commit", "claim"]);
}

#[tokio::test(start_paused = true)]
async fn renewal_comes_at_half_time_and_soon_again_after_a_failure() {
    let (receiver, store) = receiver();
    receiver.handler.act(Act::Hang);
    let hanging = receiver.clone();
    let handling = tokio::spawn(async move { hanging.send(banata("msg_1", BODY)).await });
    let renewals = |store: &Remote| store.log().iter().filter(|&&call| call == "renew").count();
    tokio::time::sleep(Duration::from_millis(29_900)).await;
    assert_eq!(renewals(&store), 0);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(renewals(&store), 1);
    store.set(|troubles| troubles.renew = Trouble::Fails);
    tokio::time::sleep(Duration::from_secs(32)).await;
    assert_eq!(renewals(&store), 0);
    store.set(|troubles| troubles.renew = Trouble::None);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(renewals(&store), 1);
    handling.abort();
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_claim_is_lost_ends_in_peace() {
    let (receiver, store) = receiver();
    let (running, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    receiver.handler.act(Act::Wait {
        running,
        end: Arc::clone(&end),
    });
    store.set(|troubles| (troubles.renew, troubles.commit) = (Trouble::Loses, Trouble::Loses));
    let sender = receiver.clone();
    let handling = tokio::spawn(async move { sender.send(banata("msg_1", BODY)).await });
    tokio::time::sleep(Duration::from_secs(300)).await;
    end.notify_one();
    handling.await.unwrap().assert_handled();
    assert_eq!(store.log(), ["claim"]);
}
