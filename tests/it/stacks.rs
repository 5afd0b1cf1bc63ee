//! The receiver in every Tower stack: where it may stand, and before and behind what. None of it needs
//! the feature `axum`.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{Empty, Full};
use tower::util::BoxCloneService;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt as _, service_fn};
use tower_auth_sync::event::VerifiedWebhook;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::Verifier;
use tower_auth_sync::testing::{Corruption, FakeSender};
use tower_auth_sync::verify::VerifyWebhookLayer;
use tower_http::ServiceBuilderExt as _;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";
const BODY: &str = r#"{"type":"user.created","data":{}}"#;

fn layer() -> VerifyWebhookLayer {
    VerifyWebhookLayer::new(Verifier::new(Scheme::standard_webhooks(), [SECRET]).unwrap())
}

/// Works only behind the layer.
async fn on_event(request: http::Request<Full<Bytes>>) -> Result<Response, Infallible> {
    let delivered = request.extensions().get::<VerifiedWebhook>();
    assert_eq!(delivered.unwrap().body(), BODY);
    let mut answer = Response::default();
    *answer.status_mut() = StatusCode::NO_CONTENT;
    Ok(answer)
}

async fn handler(request: Request) -> StatusCode {
    let delivered = request.extensions().get::<VerifiedWebhook>();
    assert_eq!(delivered.unwrap().body(), BODY);
    StatusCode::NO_CONTENT
}

/// A middleware that takes axum's body and no other.
async fn pass(request: Request, next: Next) -> Response {
    assert!(request.extensions().get::<VerifiedWebhook>().is_some());
    next.run(request).await
}

fn route() -> MethodRouter {
    post(handler)
}

/// Every place where a router can have it, each with whether it guards unknown paths as well.
fn routers() -> Vec<(&'static str, Router, bool)> {
    let through = ServiceBuilder::new()
        .layer(layer())
        .map_request_body(Body::new)
        .layer(from_fn(pass));
    let service = || layer().layer(service_fn(on_event));
    let router = Router::new;
    vec![
        (
            "MethodRouter::layer",
            router().route("/", route().layer(layer())),
            false,
        ),
        (
            "MethodRouter::route_layer",
            router().route("/", route().route_layer(layer())),
            false,
        ),
        (
            "Router::route_layer",
            router().route("/", route()).route_layer(layer()),
            false,
        ),
        (
            "Router::layer",
            router().route("/", route()).layer(layer()),
            true,
        ),
        (
            "merged",
            router().merge(router().route("/", route()).route_layer(layer())),
            false,
        ),
        (
            "from_fn behind it",
            router().route("/", route().layer(through)),
            false,
        ),
        (
            "route_service",
            router().route_service("/", service()),
            false,
        ),
        (
            "fallback_service",
            router().fallback_service(service()),
            true,
        ),
    ]
}

#[tokio::test]
async fn wherever_the_layer_stands_only_genuine_webhooks_get_behind_it() {
    let sender = FakeSender::new(Scheme::standard_webhooks(), SECRET).unwrap();
    let id = MessageId::new("msg_1").unwrap();
    for (place, app, guards_all) in routers() {
        let forged = sender.corrupted(&id, BODY, Corruption::Body).unwrap();
        let elsewhere = sender.clone().uri("/elsewhere".parse().unwrap());
        let elsewhere = elsewhere.corrupted(&id, BODY, Corruption::Body).unwrap();
        let elsewhere_is = if guards_all { 401 } else { 404 };
        for (request, expected) in [
            (forged, 401),
            (elsewhere, elsewhere_is),
            (sender.request(&id, BODY), 204),
            (sender.request(&id, BODY), 200),
        ] {
            let answer = app.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), expected, "{place}");
        }
    }
}

#[tokio::test]
async fn a_plain_service_needs_no_router() {
    let service = ServiceBuilder::new()
        .layer(layer())
        .service(service_fn(on_event));
    let sender = FakeSender::new(Scheme::standard_webhooks(), SECRET).unwrap();
    let id = MessageId::new("msg_1").unwrap();
    let answer = service.oneshot(sender.request(&id, BODY)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
}

/// The inner service of a stack, whatever it answers with and fails with.
type Inner<ResBody, Error> =
    BoxCloneService<http::Request<Full<Bytes>>, http::Response<ResBody>, Error>;

/// Compiles if the layer before such a service takes such a request, is what servers ask of a
/// service, and fails as the service does.
fn fits<ReqBody, ResBody, Error>()
where
    VerifyWebhookLayer: Layer<
            Inner<ResBody, Error>,
            Service: Service<
                http::Request<ReqBody>,
                Response = http::Response<tower_auth_sync::body::ResponseBody<ResBody>>,
                Error = Error,
                Future: Send + 'static,
            > + Clone
                         + Send
                         + 'static,
        >,
{
}

#[test]
fn no_framework_is_in_the_signature() {
    // Bodies that cannot be shared between threads, that fail, of servers and of clients.
    fits::<Empty<Bytes>, Full<Bytes>, Infallible>();
    fits::<Full<Bytes>, Empty<Bytes>, BoxError>();
    fits::<UnsyncBoxBody<Bytes, io::Error>, UnsyncBoxBody<Bytes, io::Error>, io::Error>();
    fits::<hyper::body::Incoming, hyper::body::Incoming, hyper::Error>();
    fits::<tonic::body::Body, tonic::body::Body, tonic::Status>();
    fits::<Body, Body, Infallible>();
}

#[test]
fn it_stands_among_the_layers_of_tower() {
    let service = ServiceBuilder::new()
        .concurrency_limit(64)
        .timeout(Duration::from_secs(30))
        .layer(layer())
        .concurrency_limit(8)
        .timeout(Duration::from_secs(5))
        .service(service_fn(on_event));
    let _: BoxCloneService<Request, _, BoxError> = BoxCloneService::new(service);
    // A whole server behind it.
    let router = Router::new().route("/", route());
    let _ = axum::ServiceExt::<Request>::into_make_service(layer().layer(router));
}
