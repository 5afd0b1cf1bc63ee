//! The receiving service: a handler behind `VerifyWebhookLayer` that keeps a mirror, and an API
//! behind `JwtAuthLayer`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::sync::watch;
use tower_auth_sync::event::{AuthEvent, VerifiedWebhook};
use tower_auth_sync::mirror::{Applied, Mirror};
use tower_auth_sync::problem::{Problem, ProblemKind};
use tower_auth_sync::signature::Verifier;
use tower_auth_sync::token::TokenVerifier;
use tower_auth_sync::token::{Claims, JwtAuthLayer};
use tower_auth_sync::verify::{VerifyWebhookLayer, Webhook};

/// An event that reached the handler.
#[derive(Clone)]
pub(crate) struct Arrival {
    pub(crate) delivered: VerifiedWebhook,
    pub(crate) event: AuthEvent,
    /// What the mirror made of it.
    pub(crate) applied: Applied,
}

#[derive(Clone)]
pub(crate) struct Receiver {
    mirror: Mirror,
    arrivals: Arc<watch::Sender<Vec<Arrival>>>,
}

impl Receiver {
    pub(crate) fn new(mirror: Mirror) -> Self {
        Self {
            mirror,
            arrivals: Arc::default(),
        }
    }

    /// Everything the handler was run for, in the order of arrival.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.borrow().clone()
    }

    /// Waits until the handler was run `count` times in all.
    pub(crate) async fn arrived(&self, count: usize) {
        let mut arrivals = self.arrivals.subscribe();
        // The sender lives as long as this receiver.
        let _ = arrivals.wait_for(|arrivals| arrivals.len() >= count).await;
    }

    pub(crate) fn routes(self, verifier: Verifier) -> Router {
        let guarded = post(on_event).layer(VerifyWebhookLayer::new(verifier).require_signed_id());
        Router::new()
            .route("/webhooks/auth", guarded)
            .with_state(self)
    }
}

async fn on_event(
    State(receiver): State<Receiver>,
    delivered: VerifiedWebhook,
    Webhook(event): Webhook<AuthEvent>,
) -> Result<StatusCode, Problem> {
    let unavailable = |_error| Problem::new(ProblemKind::STORE_UNAVAILABLE).with_retry_after(5);
    let applied = receiver.mirror.apply(&event).await.map_err(unavailable)?;
    let arrival = Arrival {
        delivered,
        event,
        applied,
    };
    receiver
        .arrivals
        .send_modify(|arrivals| arrivals.push(arrival));
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Mine {
    sub: String,
}

pub(crate) fn api(tokens: TokenVerifier) -> Router {
    let me = get(|Claims(mine): Claims<Mine>| async move { format!("you are {}\n", mine.sub) });
    Router::new()
        .route("/me", me)
        .route_layer(JwtAuthLayer::new(tokens))
}
