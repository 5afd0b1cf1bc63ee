//! What the layer allocates for a request that is handled is counted, so that it does not grow.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::convert::Infallible;
use std::future::ready;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_auth_sync::clock::{Clock, SystemClock};
use tower_auth_sync::entropy::SystemEntropy;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::secret::Secret;
use tower_auth_sync::signature::{Signer, Verifier};
use tower_auth_sync::verify::VerifyWebhookLayer;

/// Of a request of 1 KiB with a new id, and of its way through the whole layer.
fn allocations(scheme: Scheme) -> Vec<u64> {
    let secret = Secret::generate();
    let signer = Signer::new(scheme.clone(), [secret.clone()]).unwrap();
    let layer = VerifyWebhookLayer::new(Verifier::new(scheme, [secret]).unwrap());
    let service = layer.layer(service_fn(|_: Request<Full<Bytes>>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    }));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _entered = runtime.enter();

    let one = || {
        let now = SystemClock.now();
        let id = MessageId::generate(now, &SystemEntropy);
        let body = format!(r#"{{"id":"{id}","data":"{:980}"}}"#, "");
        let mut request = Request::post("/")
            .body(Full::new(Bytes::from(body.clone())))
            .unwrap();
        signer
            .sign_at(&id, now.to_secs(), body.as_bytes())
            .apply(request.headers_mut());
        let response = pin!(service.clone().oneshot(request));
        let mut context = Context::from_waker(Waker::noop());
        let mut answer = Poll::Pending;
        let counted = allocation_counter::measure(|| {
            let mut response = response;
            answer = response.as_mut().poll(&mut context);
        });
        let Poll::Ready(response) = answer else {
            panic!("nothing has to wait");
        };
        assert_eq!(response.unwrap().status(), StatusCode::OK);
        counted.count_total
    };
    // Each part of the store takes its first memory with its first message.
    (0..1_100).map(|_| one()).skip(1_000).collect()
}

#[test]
fn handling_a_request_allocates_at_most_twelve_times() {
    for scheme in [Scheme::standard_webhooks(), Scheme::banata()] {
        let name = scheme.name();
        let mut counts = allocations(scheme);
        counts.sort_unstable();
        // Now and then the store grows: what most requests need is the layer's.
        assert!(counts[90] <= 12, "{name}: {counts:?}");
    }
}
