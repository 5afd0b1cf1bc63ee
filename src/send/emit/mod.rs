//! Auth events out of the answers of an auth service: [`SyncEmitterLayer`].
//!
//! The layer wraps the service that owns the users, be it own handlers or a proxy to Better Auth.
//! [Rules](RouteRules) say which exchanges it looks at and which events they are; own handlers may
//! declare events with [`Emit`] instead.
//!
//! # Order of steps
//!
//! A request that the rules want captured goes this way, in a task of its own:
//!
//! 1. The store is pinged. If it is down, or does not answer within 5 s, the caller gets 503
//!    `store-unavailable` with `Retry-After`, and nothing has happened.
//! 2. The request's body is read, up to the [cap](SyncEmitterLayer::with_body_limit) and within 10 s
//!    (408 `body-timeout`). Where the rule goes by it, one that is longer (413 `body-too-large`) or
//!    content-encoded (415 `encoding-unsupported`) is refused: a caller must not choose to hide an
//!    event. Where it does not, such a body goes on as a stream. `Accept-Encoding` is taken off where
//!    the response is to be read. Then the session, and what else the rule asks for, is looked up;
//!    if that fails the caller gets 503 `session-unknown`, and nothing has happened.
//! 3. The inner service is called with the very same bytes. If it fails, its error is handed on.
//! 4. If the response carries [`Emit`], those are the events. Otherwise, if it is a captured one, its
//!    body is read like the request's, within [60 s](SyncEmitterLayer::with_response_timeout), the
//!    session is looked up again, and the rule says what happened. Where neither can be had, the
//!    events are lost (step 6).
//! 5. Fields that are named like secrets, or hold a secret value of this exchange, are removed. So are
//!    fields of a wrong type and texts of more than 8 KiB: the payload's `omitted` names them.
//! 6. The events are stored in one transaction. A store that fails, or does not answer within 5 s,
//!    is tried up to five times in some seconds, always with the same message ids. If it does not
//!    come back, the events are lost and logged as an error by their names; the caller gets 503
//!    `events-lost` without `Retry-After`, since the call was made, or the answer all the same, as
//!    [`StoreFailurePolicy`] says.
//! 7. The answer is released: same status, headers, bytes and trailers.
//!
//! On a path that no rule of [`BetterAuthRoutes`] names the call is made in a task too; nothing is
//! pinged, looked up or read, unless the response changes the session cookie.
//!
//! Every other request passes untouched, and its bodies un-buffered. If its answer carries [`Emit`],
//! a task stores the events before the answer is released. Behind a layer made
//! [for handlers](SyncEmitterLayer::for_handlers) the store is pinged before, and the call itself
//! is made in the task.
//!
//! # What survives
//!
//! A caller that hangs up drops the response future, and cancels nothing of a captured call: call,
//! capture and store run on. So it is behind a layer made [for handlers](SyncEmitterLayer::for_handlers). On any
//! other route the handler itself is cancelled as always; once it has answered with [`Emit`], the
//! events are stored whoever is still there.
//!
//! A panic of the inner service, or of a rule, is handed on to the caller's task; it makes no event.
//!
//! A process that is killed between the inner service's commit and the store of the events loses
//! them: no layer can prevent that. Where it matters, write the event in the transaction of the
//! change, with [`Emitter::emit_in`](super::outbox::Emitter::emit_in).
//!
//! # Bodies
//!
//! The inner service gets a [`BufferedBody`]. Routers, method routers and services of any body take
//! it; before one that takes only one type of body, add a `map_request` that boxes it.
//!
//! # Deployment caveats
//!
//! * A layer that compresses responses belongs outside this one.
//! * A runtime that shuts down ends the tasks of callers that hung up. A graceful shutdown waits for
//!   all others.
//! * A proxied auth server should be reached through no other way: calls that do not pass the layer
//!   make no events.
//! * [`tokio::spawn`] and timeouts are used: the service must be called in a Tokio runtime whose time
//!   driver is enabled.

mod caller;
mod capture;
mod declared;
mod exchange;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod layer;
mod look;
mod outbox;
mod payload;
mod redact;
mod rejection;
mod rules;
mod service;
mod settings;

#[cfg(test)]
mod tests;

pub(crate) use self::caller::told_token;
pub use self::declared::Emit;
pub use self::exchange::Exchange;
pub use self::future::ResponseFuture;
pub use self::layer::SyncEmitterLayer;
#[cfg(any(test, fuzzing))]
pub(crate) use self::payload::is_documented;
pub(crate) use self::payload::{Data, Include};
#[cfg(any(test, fuzzing))]
pub(crate) use self::redact::{Secrets, is_id};
pub(crate) use self::rules::{BodyUse, Listing, Responses, SessionUse};
pub use self::rules::{Capture, RouteMap, RouteRules};
pub use self::service::SyncEmitter;
