//! Keys per request, and the separation of tenants.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::request::Parts;

use super::bodies::Untouchable;
use super::*;
use crate::receive::verify::keys::{KeyProvider, TenantKeys};
use crate::wire::signature::VerifyError;

fn keys(tenant: &str, scheme: Scheme, secret: &str, clock: &ManualClock) -> TenantKeys {
    let builder = Verifier::builder(scheme).secret(secret).unwrap();
    TenantKeys::new(tenant, builder.clock(clock.clone()).build().unwrap())
}

fn receiver(provider: impl KeyProvider, clock: ManualClock) -> Receiver {
    let handler = Handler::new();
    let layer = VerifyWebhookLayer::from_provider(provider);
    Receiver {
        service: layer.layer(handler.clone()),
        handler,
        clock,
    }
}

/// Two tenants, by the last segment of the path; each has its own secret.
fn by_path(scheme: &Scheme) -> Receiver {
    let clock = ManualClock::at(NOW);
    let tenants: HashMap<&str, TenantKeys> = [("a", SECRET), ("b", OTHER_SECRET)]
        .map(|(name, secret)| (name, keys(name, scheme.clone(), secret, &clock)))
        .into();
    let provider = move |request: &Parts| {
        let name = request.uri.path().rsplit('/').next();
        let found = name.and_then(|name| tenants.get(name)).cloned();
        async move { Ok(found) }
    };
    receiver(provider, clock)
}

/// A genuine request of the tenant that has `secret`, sent to `tenant`.
fn from(secret: &str, tenant: &str, scheme: &Scheme, id: &str, body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::post(format!("/webhooks/{tenant}"))
        .header("x-tenant", tenant)
        .body(Full::from(body.to_owned()))
        .unwrap();
    let signer = Signer::new(scheme.clone(), [secret]).unwrap();
    let id = MessageId::new(id).unwrap();
    let headers = signer.sign_at(&id, NOW, body.as_bytes());
    headers.apply(request.headers_mut());
    request
}

#[tokio::test]
async fn each_tenant_is_found_by_path_and_judged_by_its_own_secret() {
    let scheme = Scheme::banata();
    let receiver = by_path(&scheme);
    for (tenant, own, other) in [("a", SECRET, OTHER_SECRET), ("b", OTHER_SECRET, SECRET)] {
        let genuine = from(own, tenant, &scheme, "msg_1", BODY);
        receiver.send(genuine).await.assert_handled();
        assert_eq!(receiver.handler.last().1.tenant(), Some(tenant));
        let foreign = from(other, tenant, &scheme, "msg_2", BODY);
        let reply = receiver.send(foreign).await;
        reply.assert_refused(401, "signature-mismatch");
    }
    assert_eq!(receiver.handler.calls(), 2);
}

#[tokio::test]
async fn a_provider_may_be_a_type_of_its_own_that_looks_at_a_header_and_waits() {
    struct ByHeader(TenantKeys);
    impl KeyProvider for ByHeader {
        async fn keys(&self, request: &Parts) -> Result<Option<TenantKeys>, BoxError> {
            tokio::task::yield_now().await;
            let name = request.headers.get("x-tenant");
            Ok(name.filter(|name| *name == "a").map(|_| self.0.clone()))
        }
    }
    let clock = ManualClock::at(NOW);
    let scheme = Scheme::standard_webhooks();
    let provider = ByHeader(keys("the first", scheme.clone(), SECRET, &clock));
    let receiver = receiver(provider, clock);
    let genuine = from(SECRET, "a", &scheme, "msg_1", BODY);
    receiver.send(genuine).await.assert_handled();
    assert_eq!(receiver.handler.last().1.tenant(), Some("the first"));
    let nobodys = from(SECRET, "b", &scheme, "msg_2", BODY);
    let reply = receiver.send(nobodys).await;
    reply.assert_refused(401, "signature-mismatch");
}

#[tokio::test]
async fn a_layer_with_one_set_of_keys_names_no_tenant() {
    let receiver = Receiver::new(Scheme::banata());
    receiver.send(banata("msg_1", BODY)).await.assert_handled();
    assert_eq!(receiver.handler.last().1.tenant(), None);
}

#[tokio::test]
async fn an_unknown_tenant_is_answered_as_a_wrong_secret_is() {
    let scheme = Scheme::banata();
    let receiver = by_path(&scheme);
    let unknown = from(SECRET, "c", &scheme, "msg_1", BODY).map(|_| Untouchable);
    let unknown = receiver.send(unknown).await;
    let wrong = receiver
        .send(from(SECRET, "b", &scheme, "msg_1", BODY))
        .await;
    assert_eq!(
        (unknown.status, &unknown.headers, &unknown.body),
        (wrong.status, &wrong.headers, &wrong.body)
    );
    wrong.assert_refused(401, "signature-mismatch");
    assert_eq!(unknown.reason, Some(WebhookRejection::UnknownTenant));
    let mismatch = WebhookRejection::Signature(VerifyError::Mismatch);
    assert_eq!(wrong.reason, Some(mismatch));
}

#[tokio::test(start_paused = true)]
async fn while_the_provider_fails_or_hangs_the_sender_is_asked_to_come_again() {
    let started = tokio::time::Instant::now();
    let fails = |_: &Parts| async { Err(BoxError::from("told to fail")) };
    let hangs = |_: &Parts| pending();
    for receiver in [
        receiver(fails, ManualClock::at(NOW)),
        receiver(hangs, ManualClock::at(NOW)),
    ] {
        let request = banata("msg_1", BODY).map(|_| Untouchable);
        let reply = receiver.send(request).await;
        reply.assert_refused(503, "keys-unavailable");
        assert_eq!(reply.headers[RETRY_AFTER], "10");
        assert_eq!(reply.reason, Some(WebhookRejection::KeysUnavailable));
        assert!(!String::from_utf8_lossy(&reply.body).contains("told to"));
        assert_eq!(receiver.handler.calls(), 0);
    }
    assert_eq!(started.elapsed(), Duration::from_secs(5));
}

#[tokio::test]
async fn a_request_of_the_wrong_form_does_not_reach_the_provider() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let provider = move |_: &Parts| {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Ok(None) }
    };
    let receiver = receiver(provider, ManualClock::at(NOW));
    let mut get = banata("msg_1", BODY);
    *get.method_mut() = http::Method::GET;
    let gzip = with_header(banata("msg_1", BODY), "content-encoding", "gzip");
    let large = with_header(banata("msg_1", BODY), "content-length", "99999999");
    for (request, status) in [(get, 405), (gzip, 415), (large, 413)] {
        assert_eq!(receiver.send(request).await.status.as_u16(), status);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    // The tenant's scheme checks the headers, so the layer asks the provider first.
    let unsigned = Request::post("/").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(receiver.send(unsigned).await.status, 401);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_tenant_that_signs_an_id_of_another_neither_blocks_nor_doubles_it() {
    let with_id = r#"{"id":"msg_1"}"#;
    for (scheme, body) in [
        (Scheme::standard_webhooks(), BODY), // The id is signed,
        (Scheme::banata(), BODY),            // unsigned,
        (Scheme::banata(), with_id),         // unsigned, and the same in the body,
        (Scheme::banata_sdk(), with_id),     // in the body alone,
        (Scheme::shopify(), BODY),           // and there is no time.
    ] {
        let receiver = by_path(&scheme);
        let of_a = || from(SECRET, "a", &scheme, "msg_1", body);
        let of_b = || from(OTHER_SECRET, "b", &scheme, "msg_1", body);
        let (running, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        receiver.handler.act(Act::Wait {
            running: Arc::clone(&running),
            end: Arc::clone(&end),
        });
        let first = tokio::spawn({
            let (receiver, request) = (receiver.clone(), of_b());
            async move { receiver.send(request).await }
        });
        running.notified().await;
        receiver.handler.act(Act::Answer(StatusCode::OK));
        receiver.send(of_a()).await.assert_handled();
        let again = receiver.send(of_b()).await;
        again.assert_refused(409, "in-flight");
        end.notify_one();
        first.await.unwrap().assert_handled();
        receiver.send(of_a()).await.assert_duplicate();
        receiver.send(of_b()).await.assert_duplicate();
        assert_eq!(receiver.handler.calls(), 2, "{}", scheme.name());
    }
}

#[tokio::test]
async fn a_secret_that_the_provider_replaces_counts_from_the_next_request_on() {
    let clock = ManualClock::at(NOW);
    let scheme = Scheme::standard_webhooks();
    let current = Arc::new(Mutex::new(keys("a", scheme.clone(), SECRET, &clock)));
    let source = Arc::clone(&current);
    let provider = move |_: &Parts| {
        let found = source.lock().unwrap().clone();
        async move { Ok(Some(found)) }
    };
    let receiver = receiver(provider, clock.clone());
    let with = |secret, id| from(secret, "a", &scheme, id, BODY);
    receiver.send(with(SECRET, "msg_1")).await.assert_handled();
    let early = receiver.send(with(OTHER_SECRET, "msg_2")).await;
    early.assert_refused(401, "signature-mismatch");

    let both = Verifier::builder(scheme.clone()).secret_until(
        SECRET,
        crate::base::clock::UnixMillis::from(NOW).saturating_add(Duration::from_secs(60)),
    );
    let both = both.unwrap().secret(OTHER_SECRET).unwrap();
    let both = both.clock(clock.clone()).build().unwrap();
    *current.lock().unwrap() = TenantKeys::new("a", both);
    receiver
        .send(with(OTHER_SECRET, "msg_2"))
        .await
        .assert_handled();
    assert_eq!(receiver.handler.last().1.key_index(), 1);
    receiver.send(with(SECRET, "msg_3")).await.assert_handled();
    // The tenant is the same, whatever its keys.
    receiver
        .send(with(OTHER_SECRET, "msg_1"))
        .await
        .assert_duplicate();
    clock.advance(Duration::from_secs(60));
    let late = receiver.send(with(SECRET, "msg_4")).await;
    late.assert_refused(401, "signature-mismatch");
}
