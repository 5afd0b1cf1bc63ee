use std::future::pending;
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, COOKIE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::base::actor::Actor;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::{AttemptNumber, LeaseRequest};
use crate::receive::dedupe::Claimed;
use crate::receive::dedupe::InvalidSource;
use crate::testing::SeededEntropy;
use crate::wire::event::{VerifiedWebhook, WebhookHead};

fn parts(target: &str, headers: HeaderMap) -> Parts {
    let (mut parts, ()) = Request::post(target).body(()).unwrap().into_parts();
    parts.headers = headers;
    parts
}

fn delivered(id: Option<&str>, tenant: Option<&str>, body: &[u8]) -> VerifiedWebhook {
    let sent_at = id.map(|_| UnixMillis::from_millis(1_700_000_000_123));
    let body = Bytes::copy_from_slice(body);
    VerifiedWebhook::new(
        WebhookHead {
            id: id.map(Into::into),
            id_is_authentic: true,
            sent_at,
            scheme: "banata".into(),
            key_index: 1,
            tenant: tenant.map(Into::into),
        },
        body,
    )
}

/// Stores and reads again, as a store does that knows nothing but bytes.
fn stored(parts: &Parts, delivered: &VerifiedWebhook) -> StoredRequest {
    let kept = StoredRequest::of(parts, delivered);
    StoredRequest::from_stored(kept.head().clone(), kept.body().clone())
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let name = "x-[a-z0-9!#$%&'*+.^_`|~-]{0,8}";
    let value = prop::collection::vec(prop_oneof![Just(b'\t'), 32_u8..127, 128_u8..=255], 0..12);
    prop::collection::vec((name, value), 0..8).prop_map(|pairs| {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_bytes(value).unwrap())
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    })
}

proptest! {
    #[test]
    fn a_stored_request_is_the_same_again(
        path in "/[a-z/]{0,8}",
        query in proptest::option::of("[a-z=&]{0,8}"),
        headers in headers(),
        id in proptest::option::of(any::<String>()),
        tenant in proptest::option::of(any::<String>()),
        body in any::<Vec<u8>>(),
    ) {
        let target = query.map_or(path.clone(), |query| format!("{path}?{query}"));
        let parts = parts(&target, headers.clone());
        let proof = delivered(id.as_deref(), tenant.as_deref(), &body);
        let stored = stored(&parts, &proof);
        let message_id = stored.message_id();
        prop_assert_eq!(message_id.as_deref(), id.as_deref());

        let (again, again_body) = stored.into_request().unwrap().into_parts();
        prop_assert_eq!(&again.method, &parts.method);
        prop_assert_eq!(&again.uri, &parts.uri);
        prop_assert_eq!(&again.headers, &headers);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let collected = runtime.block_on(again_body.collect()).unwrap();
        prop_assert_eq!(&collected.to_bytes()[..], &body);
        let read = again.extensions.get::<VerifiedWebhook>().unwrap();
        prop_assert_eq!(format!("{read:?}"), format!("{proof:?}"));
        prop_assert_eq!(read.body(), proof.body());
    }

    /// What the fuzz target asks of any bytes, of bytes that are nearly a head.
    #[test]
    fn a_head_that_is_read_is_kept_as_it_was(
        headers in headers(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut head = stored(&parts("/hook?a=b", headers), &delivered(Some("msg_1"), None, b""))
            .head()
            .to_vec();
        for (at, byte) in changes {
            let at = at.index(head.len());
            head[at] = byte;
        }
        let mut stored = StoredRequest::from_stored(head.into(), Bytes::new());
        let mut kept = Vec::new();
        for _ in 0..2 {
            let Ok(request) = stored.into_request() else {
                prop_assert!(kept.is_empty(), "what was kept can be read");
                return Ok(());
            };
            let proof = request.extensions().get::<VerifiedWebhook>().unwrap().clone();
            stored = StoredRequest::of(&request.into_parts().0, &proof);
            kept.push(stored.head().clone());
        }
        prop_assert_eq!(&kept[0], &kept[1]);
    }

    #[test]
    fn a_damaged_head_is_refused_and_not_misread(head in any::<Vec<u8>>()) {
        let stored = StoredRequest::from_stored(head.into(), Bytes::new());
        prop_assert_eq!(stored.message_id(), None);
        prop_assert!(stored.into_request().is_err());
    }
}

#[test]
fn a_head_that_was_cut_off_is_refused() {
    let mut headers = HeaderMap::new();
    headers.insert("x-a", HeaderValue::from_static("b"));
    let head = stored(&parts("/hook", headers), &delivered(None, None, b""))
        .head()
        .clone();
    let target = head.len() - "x-a:b\n".len();
    for length in 0..head.len() {
        let cut = StoredRequest::from_stored(head.slice(..length), Bytes::new());
        assert_eq!(cut.into_request().is_ok(), length == target, "{length}");
    }
}

#[test]
fn credentials_and_headers_of_the_connection_are_not_stored() {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer hunter2"));
    headers.insert(COOKIE, HeaderValue::from_static("session=hunter2"));
    headers.insert("proxy-authorization", HeaderValue::from_static("hunter2"));
    let mut sensitive = HeaderValue::from_static("hunter2");
    sensitive.set_sensitive(true);
    headers.insert("x-api-key", sensitive);
    headers.insert(CONNECTION, HeaderValue::from_static("close, X-Hop"));
    headers.append(CONNECTION, HeaderValue::from_static("x-other"));
    for name in [
        "x-hop",
        "x-other",
        "keep-alive",
        "te",
        "transfer-encoding",
        "upgrade",
    ] {
        headers.insert(name, HeaderValue::from_static("hunter2"));
    }
    headers.insert("webhook-id", HeaderValue::from_static("msg_1"));

    let stored = stored(&parts("/hook?a=b", headers), &delivered(None, None, b"{}"));
    let head = std::str::from_utf8(stored.head()).unwrap();
    assert!(!head.contains("hunter2"), "{head}");
    let lines: Vec<_> = head.lines().skip(1).collect();
    assert_eq!(lines, ["POST /hook?a=b", "webhook-id:msg_1"]);
}

#[test]
fn nothing_of_a_stored_request_is_shown() {
    let stored = stored(
        &parts("/hook?hunter2", HeaderMap::new()),
        &delivered(Some("alice"), None, b"bob"),
    );
    let shown = format!("{stored:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("alice") && !shown.contains("bob"));
}

#[test]
fn an_inbox_has_a_name_that_shows_and_a_wrong_one_is_refused() {
    let store = MemoryInbox::new();
    let inbox = store.inbox("crm").unwrap();
    assert_eq!(inbox.source(), "crm");
    assert!(format!("{inbox:?}").contains("crm"));
    assert_eq!(store.inbox("a b").unwrap_err(), InvalidSource);
}

/// A store whose connections have died without a word.
struct Silent;

impl InboxStore for Silent {
    async fn receive(&self, _: NewMessage, _: UnixMillis) -> Result<Claimed, StoreError> {
        pending().await
    }

    async fn lease(&self, _: &str, _: LeaseRequest) -> Result<Vec<InboxLease>, StoreError> {
        pending().await
    }

    async fn settle(
        &self,
        _: &InboxLease,
        _: InboxOutcome,
        _: UnixMillis,
    ) -> Result<(), StoreError> {
        pending().await
    }

    async fn extend(&self, _: &InboxLease, _: UnixMillis) -> Result<(), StoreError> {
        pending().await
    }

    async fn release(&self, _: &InboxLease, _: UnixMillis) -> Result<(), StoreError> {
        pending().await
    }

    async fn next_due(&self, _: &str, _: UnixMillis) -> Result<Option<UnixMillis>, StoreError> {
        pending().await
    }

    async fn prune(&self, _: &str, _: UnixMillis, _: NonZeroU16) -> Result<usize, StoreError> {
        pending().await
    }

    fn listen(&self) -> QueueListener {
        QueueNotify::new().listen()
    }
}

impl InboxLog for Silent {
    async fn find(&self, _: &str, _: &InboxId) -> Result<Option<InboxEntry>, StoreError> {
        pending().await
    }

    async fn failed(
        &self,
        _: &str,
        _: Option<&InboxId>,
        _: NonZeroU16,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        pending().await
    }

    async fn requeue(
        &self,
        _: &str,
        _: &InboxId,
        _: &Actor,
        _: UnixMillis,
    ) -> Result<bool, StoreError> {
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_says_nothing_has_failed_after_five_seconds() {
    let inbox = Inbox::new(Silent, "crm").unwrap();
    let now = UnixMillis::EPOCH;
    let max = NonZeroU16::MIN;
    let lease = InboxLease {
        id: InboxId::generate(now, &SeededEntropy::new(1)),
        token: LeaseToken::new(1),
        attempt: AttemptNumber::FIRST,
        work: StoredRequest::from_stored(Bytes::new(), Bytes::new()),
    };
    let request = LeaseRequest {
        max,
        max_attempts: AttemptNumber::FIRST,
        now,
        until: now,
    };
    let begun = Instant::now();
    let asked = async {
        [
            inbox.lease(request).await.err(),
            inbox.settle(&lease, InboxOutcome::Done, now).await.err(),
            inbox.extend(&lease, now).await.err(),
            inbox.release(&lease, now).await.err(),
            inbox.next_due(now).await.err(),
            inbox.prune(now, max).await.err(),
        ]
    };
    let failures = tokio::time::timeout(Duration::from_secs(60), asked).await;
    let failures = failures.unwrap();
    let failed = failures.iter().flatten();
    assert_eq!(failed.filter(|error| error.is_unavailable()).count(), 6);
    assert_eq!(begun.elapsed(), Duration::from_secs(6 * 5));
}
