//! Better Auth's routes.
//!
//! Which answers mean which events was taken from recorded exchanges with Better Auth 1.7.25; they
//! are in this crate's `tests/data/better-auth`, and a test runs each through the layer.

mod routes;
mod rule;
mod state;
mod user;

use std::borrow::Cow;

use http::Method;
use url::Url;

use self::routes::Route;
use super::exchange::Exchange;
use super::payload::Include;
use super::rules::{Capture, RouteRules};
use super::sessions::{SessionLookup, Sessions};
use crate::event::AuthEvent;

/// The routes of Better Auth and what their answers mean.
///
/// | path below the base path, answered 200 | events |
/// |---|---|
/// | `/sign-up/email`, `/sign-in/anonymous` | `user.created`, `session.created` |
/// | `/sign-in/email`, `/sign-in/username`, `/sign-in/email-otp`, `/sign-in/phone-number`, `/sign-in/social` (with an id token), `/magic-link/verify` | `session.created` |
/// | `/two-factor/verify-totp`, `/two-factor/verify-otp`, `/two-factor/verify-backup-code` | `session.created`, or `two_factor.enabled` where the user had none |
/// | `/organization/create`, `/organization/update`, `/organization/delete` | `organization.created`, `organization.updated`, `organization.deleted` |
/// | `/organization/invite-member`, `/organization/cancel-invitation` | `invitation.created`, `invitation.revoked` |
/// | `/organization/accept-invitation` | `invitation.accepted`, `member.added` |
/// | `/organization/update-member-role`, `/organization/remove-member`, `/organization/leave` | `member.role_updated`, `member.removed`, `member.removed` |
/// | `/admin/create-user`, `/admin/ban-user`, `/admin/unban-user`, `/admin/remove-user` | `user.created`, `user.banned`, `user.unbanned`, `user.deleted` |
/// | `/admin/set-role`, `/admin/update-user` | `user.updated` |
/// | `/admin/impersonate-user`, `/admin/revoke-user-session` | `session.created`, `session.revoked` |
/// | `/api-key/create`, `/api-key/delete` | `api_key.created`, `api_key.revoked` |
/// | *with* [`with_sessions`](super::SyncEmitterLayer::with_sessions): `/update-user`, `/delete-user`, `/delete-user/callback` | `user.updated`, `user.deleted`, `user.deleted` |
/// | *with sessions*: `/sign-out`, `/revoke-session`, `/admin/stop-impersonating` | `session.revoked` |
/// | *with sessions*: `/two-factor/disable`, `/verify-email` (also 302) | `two_factor.disabled`, `email.verified` |
///
/// An answer that does not have the expected shape makes no event: a sign-in that asks for the
/// second factor is a 200 without a session. `email.verified`, `two_factor.enabled` and
/// `two_factor.disabled` tell the user's `id` and the field that changed, nothing else: the answer
/// does not show the user after the change, and what was known before it may be old.
///
/// # What these rules cannot see
///
/// `/reset-password` names no user, and `/revoke-sessions`, `/revoke-other-sessions` and
/// `/admin/revoke-user-sessions` no session; a sign-in that ends in a redirect (OAuth, a magic link
/// with `callbackURL`) has no body. A verification link opened in a browser that is not signed in
/// answers alike the first and every later time. A first sign-in by magic link or one-time code also
/// makes the user, and a new organization its first member: both go unmentioned. Where you own the server, declare these with
/// [`Emit`](super::Emit) or [`Emitter`](crate::delivery::Emitter).
///
/// # Paths
///
/// The path must equal the route's. Dot segments and back slashes are resolved first, as the
/// server's URL parser does, and one slash at the end is ignored; otherwise a caller could hide an
/// event by spelling the path another way. Send only the base path to the auth server: Better Auth
/// also answers to a base path in the middle of a path.
#[derive(Clone, Debug)]
pub struct BetterAuthRoutes {
    base_path: Box<str>,
    include: Include,
    sessions: Sessions,
    sessionless_sign_ups: bool,
}

impl BetterAuthRoutes {
    /// Creates rules that find out by `lookup` who is signed in: [`GetSession`](super::GetSession)
    /// asks the auth server itself.
    #[must_use]
    pub fn new(lookup: impl SessionLookup) -> Self {
        Self {
            base_path: "/api/auth".into(),
            include: Include::default(),
            sessions: Sessions::new(lookup),
            sessionless_sign_ups: false,
        }
    }

    /// Sets the path that all routes are under. Default: `/api/auth`, Better Auth's.
    ///
    /// A layer inside axum's `nest("/api/auth", …)` sees the path without that prefix: set `""`.
    #[must_use]
    pub fn base_path(mut self, path: &str) -> Self {
        self.base_path = path.trim_end_matches('/').into();
        self
    }

    /// Also sends these fields of a resource, such as the `additionalFields` of your users.
    ///
    /// # Security
    ///
    /// A field whose name is that of a secret (`password`, `token`, `key`, …) is not sent even if
    /// it is listed here.
    #[must_use]
    pub fn include<F: Into<Box<str>>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.include.0.extend(fields.into_iter().map(Into::into));
        self
    }

    /// Also takes a sign-up that opens no session for a new user. Default: it makes no event.
    ///
    /// Where an address must be verified before the first sign-in, Better Auth answers alike for a
    /// new address and for one that is taken, with a user that does not exist, so that nobody can
    /// find out who has an account.
    ///
    /// # Security
    ///
    /// Anybody can then cause `user.created` for users that do not exist. Receivers must be able to
    /// bear that.
    #[must_use]
    pub const fn dangerous_sign_ups_without_session(mut self) -> Self {
        self.sessionless_sign_ups = true;
        self
    }

    /// The path as the server resolves it, without the base path and a slash at the end.
    fn below_base(&self, path: &str) -> Option<String> {
        let path = resolved(path);
        let path = path.strip_prefix(&*self.base_path)?;
        Some(path.strip_suffix('/').unwrap_or(path).to_owned())
    }
}

impl RouteRules for BetterAuthRoutes {
    fn capture(&self, method: &Method, path: &str) -> Option<Capture> {
        let path = self.below_base(path);
        if path
            .as_deref()
            .is_some_and(|path| routes::READ_ONLY.contains(&path))
        {
            return None;
        }
        let route = path.and_then(|path| find(method, &path));
        Some(route.map_or(routes::WATCHED, Route::capture))
    }

    fn sessions(&self) -> Option<&Sessions> {
        Some(&self.sessions)
    }

    fn events(&self, exchange: &Exchange) -> Vec<AuthEvent> {
        let path = self.below_base(exchange.path());
        let route = path.and_then(|path| find(exchange.method(), &path));
        let facts = rule::Facts {
            exchange,
            include: &self.include,
            sessionless_sign_ups: self.sessionless_sign_ups,
        };
        let caller = route.map_or(Some(routes::ANYTHING), |route| route.caller);
        let mut events = caller.map_or_else(Vec::new, |caller| state::events(&facts, caller));
        if let Some(route) = route.filter(|_| exchange.status().is_success()) {
            events.extend((route.others)(&facts));
        }
        events
    }
}

fn find(method: &Method, path: &str) -> Option<&'static Route> {
    let mut routes = routes::ROUTES.iter();
    routes.find(|route| route.matches(method, path))
}

/// Every route below the base path.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (Method, &'static str)> {
    let routes = routes::ROUTES.iter();
    routes.map(|route| (route.method.clone(), route.path))
}

/// Resolves what the WHATWG URL parser of a JavaScript server resolves.
fn resolved(path: &str) -> Cow<'_, str> {
    let plain = !path.contains("/.") && !path.contains("/%2") && !path.contains('\\');
    if plain {
        return Cow::Borrowed(path);
    }
    let mut url = BASE.clone();
    url.set_path(path);
    Cow::Owned(url.path().to_owned())
}

/// Any URL of a special scheme: only its path is used.
static BASE: std::sync::LazyLock<Url> = std::sync::LazyLock::new(base);

#[expect(clippy::expect_used, reason = "the text is a URL")]
fn base() -> Url {
    Url::parse("http://localhost/").expect("a constant URL parses")
}
