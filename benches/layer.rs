//! What the whole layer costs, beside `verify()` alone and the peers that are layers or extractors.
//!
//! ```text
//! cargo bench --bench layer
//! ```
//!
//! A request of 1 KiB whose body is there, an id of its own each, a service that answers at once:
//! what is measured is the layer's work and nothing of a server's. All take turns in one loop; see
//! `turns`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops at what cannot be"
)]

mod sender;
mod turns;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use axum::handler::Handler as _;
use axum_standardwebhooks::{SharedWebhook, StandardWebhook};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::Verifier;
use tower_auth_sync::verify::VerifyWebhookLayer;

use self::sender::{IdInBody, SECRET, Sender};
use self::turns::{Contender, Times};

const SIZE: usize = 1024;

fn requests(scheme: Scheme, id_in_body: IdInBody) -> impl FnMut() -> Request<Body> {
    let mut sender = Sender::new(scheme, id_in_body, SIZE);
    move || {
        let (headers, body) = sender.next();
        let mut request = Request::post("/webhooks/auth")
            .body(Body::from(body))
            .unwrap();
        *request.headers_mut() = headers;
        request
    }
}

fn answer(_request: Request<Full<Bytes>>) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Full::default())))
}

/// The verifier alone, on requests of the same kind.
fn verify(scheme: Scheme) -> Contender {
    let name = format!("{}: verify()", scheme.name());
    let mut sender = Sender::new(scheme.clone(), IdInBody::AtRoot, SIZE);
    let verifier = Verifier::new(scheme, [SECRET]).unwrap();
    let verify = move |(headers, body): &(HeaderMap, Bytes)| verifier.verify(headers, body).is_ok();
    // What was verified goes back unfreed: the layer's requests end inside of it, these do not.
    Contender::lent(name, move || sender.next(), verify)
}

/// What a request costs that is taken and freed by nobody but the service.
fn no_layer() -> Contender {
    let requests = requests(Scheme::standard_webhooks(), IdInBody::AtRoot);
    let inner = service_fn(|_: Request<Body>| ready(Ok::<_, Infallible>(Response::new(()))));
    accepting("no layer", requests, inner)
}

fn layer(
    what: &str,
    scheme: Scheme,
    id_in_body: IdInBody,
    set: impl FnOnce(VerifyWebhookLayer) -> VerifyWebhookLayer,
) -> Contender {
    let name = format!("{}: {what}", scheme.name());
    let verifier = Verifier::new(scheme.clone(), [SECRET]).unwrap();
    let service = set(VerifyWebhookLayer::new(verifier)).layer(service_fn(answer));
    accepting(name, requests(scheme, id_in_body), service)
}

fn webhook_verify() -> Contender {
    let provider = webhook_verify::Provider::StandardWebhooks;
    let secret = webhook_verify::Secret::new(SECRET);
    let layer = webhook_verify::tower::VerifyLayer::<Full<Bytes>>::new(provider, secret);
    let requests = requests(Scheme::standard_webhooks(), IdInBody::AtRoot);
    accepting(
        "peer webhook-verify",
        requests,
        layer.layer(service_fn(answer)),
    )
}

fn axum_standardwebhooks() -> Contender {
    async fn handler(StandardWebhook(_): StandardWebhook<Bytes>) {}

    let webhook = axum_standardwebhooks::Webhook::new(SECRET).unwrap();
    let service = handler.with_state(SharedWebhook::new(webhook));
    let requests = requests(Scheme::standard_webhooks(), IdInBody::AtRoot);
    accepting("peer axum-standardwebhooks", requests, service)
}

/// Nothing here ever waits: each answer is there when it is first asked for.
fn accepting<S, B>(
    name: impl Into<String>,
    requests: impl FnMut() -> Request<Body> + 'static,
    service: S,
) -> Contender
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + 'static,
{
    Contender::prepared(name, requests, move |request| {
        let mut context = Context::from_waker(Waker::noop());
        let response = pin!(service.clone().oneshot(request)).poll(&mut context);
        matches!(response, Poll::Ready(Ok(response)) if response.status() == StatusCode::OK)
    })
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let (standard, banata) = (Scheme::standard_webhooks, Scheme::banata);
    let mut contenders = [
        verify(standard()),
        layer("layer", standard(), IdInBody::AtRoot, |layer| layer),
        layer(
            "layer without dedupe",
            standard(),
            IdInBody::AtRoot,
            |layer| layer.without_dedupe(),
        ),
        verify(banata()),
        layer(
            "layer, id in the body",
            banata(),
            IdInBody::AtRoot,
            |layer| layer,
        ),
        layer(
            "layer, id unsigned",
            banata(),
            IdInBody::Elsewhere,
            |layer| layer,
        ),
        webhook_verify(),
        axum_standardwebhooks(),
        no_layer(),
    ];
    let times = Times::take(&mut contenders);
    turns::print_load();
    println!(
        "{:<44} {:>8}   to its verify()   to our layer",
        "1 KiB", "ns"
    );
    for (index, contender) in contenders.iter().enumerate() {
        let verify = if (3..6).contains(&index) { 3 } else { 0 };
        println!(
            "{:<44} {:>8.0} {:>11.2} x {:>13.2} x",
            contender.name(),
            times.median(index),
            times.ratio(index, verify),
            times.ratio(index, 1),
        );
    }
}
