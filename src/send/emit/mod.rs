//! Auth events from the responses of an auth service: [`SyncEmitterLayer`].
//!
//! The layer wraps the service that owns the users: own handlers, or a proxy to Better Auth.
//! [Rules](RouteRules) choose the exchanges to capture and make their events; own handlers may declare
//! events with [`Emit`] instead.
//!
//! # Order of steps
//!
//! The layer handles a request that the rules capture in a task of its own:
//!
//! 1. It pings the store. If the store is down, or does not respond within 5 s, the caller gets 503
//!    `store-unavailable` with `Retry-After`, and nothing has happened.
//! 2. It reads the request's body, up to the [limit](SyncEmitterLayer::with_body_limit) and within 10 s
//!    (408 `body-timeout`). Where the rule depends on the body, it refuses a longer (413
//!    `body-too-large`) or content-encoded one (415 `encoding-unsupported`): a caller must not be able
//!    to hide an event. Elsewhere such a body goes on as a stream. It removes `Accept-Encoding` where
//!    it reads the response. Then it looks up the session, and what else the rule asks for; if that
//!    fails, the caller gets 503 `session-unknown`, and nothing has happened.
//! 3. It calls the inner service with the very same bytes, and passes on an error of that service.
//! 4. If the response carries [`Emit`], those are the events. Otherwise, if the rule captures the
//!    response, it reads the body like the request's, within
//!    [60 s](SyncEmitterLayer::with_response_timeout), and looks up the session again; the rule makes
//!    the events. If it can have neither, the events are lost (step 6).
//! 5. It removes fields that are named like secrets, or hold a secret value of this exchange; also
//!    fields of a wrong type and texts of more than 8 KiB: the payload's `omitted` names them.
//! 6. It stores the events in one transaction. If the store fails, or does not respond within 5 s, it
//!    tries up to five times in some seconds, always with the same message ids. After that the events
//!    are lost, and it logs their names as an error. The [`StoreFailurePolicy`](crate::StoreFailurePolicy)
//!    decides what the caller gets: 503 `events-lost`, without `Retry-After` since the call was made,
//!    or the response.
//! 7. It releases the response: same status, headers, bytes and trailers.
//!
//! On a path that no rule of [`BetterAuthRoutes`](crate::better_auth::BetterAuthRoutes) names, the layer makes the call in a task too; it
//! pings, looks up and reads nothing, unless the response changes the session cookie.
//!
//! Every other request passes untouched, with unbuffered bodies. If its response carries [`Emit`],
//! a task stores the events before the layer releases the response. A layer made
//! [for handlers](SyncEmitterLayer::for_handlers) pings the store first, and makes the call itself
//! in the task.
//!
//! # What survives
//!
//! A caller that hangs up drops the response future, and cancels nothing of a captured call: call,
//! capture and store run on. The same holds behind a layer made
//! [for handlers](SyncEmitterLayer::for_handlers). On any other route hanging up cancels the handler
//! as always; after the handler responded with [`Emit`], a task stores the events.
//!
//! A panic of the inner service, or of a rule, resumes in the caller's task; it makes no event.
//!
//! A process that is killed between the inner service's commit and the store of the events loses
//! them: no layer can prevent that. Where it matters, write the event in the transaction of the
//! change, with [`Emitter::emit_in`](super::outbox::Emitter::emit_in).
//!
//! # Bodies
//!
//! The inner service gets a [`BufferedBody`](crate::body::BufferedBody). Routers, method routers and services of any body take
//! it; before a service of one body type, add a `map_request` that boxes the body.
//!
//! # Deployment caveats
//!
//! * A layer that compresses responses belongs outside this one.
//! * The shutdown of a runtime ends the tasks of callers that hung up. A graceful shutdown waits for
//!   all others.
//! * Let no other way lead to a proxied auth server: calls that do not pass the layer make no events.
//! * The service uses [`tokio::spawn`] and timeouts: call it in a Tokio runtime with an enabled time
//!   driver.

mod caller;
mod capture;
mod declared;
mod exchange;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod layer;
mod payload;
mod read;
mod redact;
mod rejection;
mod route_map;
mod rules;
mod service;
mod settings;
mod store;

#[cfg(test)]
mod tests;

pub(crate) use self::caller::issued_token;
pub use self::declared::Emit;
pub use self::exchange::Exchange;
pub use self::future::ResponseFuture;
pub use self::layer::SyncEmitterLayer;
#[cfg(any(test, fuzzing))]
pub(crate) use self::payload::is_documented;
pub(crate) use self::payload::{Data, IncludedFields};
#[cfg(any(test, fuzzing))]
pub(crate) use self::redact::{Secrets, is_id};
pub use self::route_map::RouteMap;
pub(crate) use self::rules::{BodyUse, Listing, Responses, SessionUse};
pub use self::rules::{Capture, RouteRules};
pub use self::service::SyncEmitter;
