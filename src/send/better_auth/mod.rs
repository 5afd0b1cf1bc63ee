//! Better Auth's routes.
//!
//! The rules follow recorded exchanges with Better Auth 1.7.25 and its plugins. The recordings are in
//! this crate's `tests/data/better-auth`, and a test runs each through the layer.
//! `tests/interop/run.sh emitter` runs every way of a live server.

mod caller;
mod input;
mod routes;
mod rule;
mod user;

use std::borrow::Cow;

use http::Method;
use url::Url;

use self::input::RuleInput;
use self::routes::Route;
use super::emit::{Capture, Exchange, IncludedFields, RouteRules};
use crate::session::{SessionLookup, Sessions};
use crate::wire::event::AuthEvent;

/// The routes of Better Auth and their events.
///
/// ```
/// use tower_auth_sync::better_auth::BetterAuthRoutes;
/// use tower_auth_sync::session::GetSession;
///
/// # fn example(upstream: axum::Router) {
/// let sessions = GetSession::new(upstream, "/api/auth/get-session".parse().expect("a path"));
/// let rules = BetterAuthRoutes::new(sessions).include(["department"]);
/// # }
/// ```
///
/// # Events of the caller
///
/// The layer looks up the caller's session and user before and after the call, and the difference
/// makes the events:
///
/// | difference | events |
/// |---|---|
/// | a session, and none or another afterwards | `session.revoked` of the one, `session.created` of the other |
/// | fields of the user | `user.updated` with the whole user; with `emailVerified` also `email.verified` |
/// | `twoFactorEnabled` | `two_factor.enabled`, `two_factor.disabled` |
/// | the user's `createdAt` (or `updatedAt`) lies within the call, by the server's clock | `user.created` (or `user.updated`) |
/// | no session after a deletion; another user after an anonymous one | `user.deleted`, which stands for the sessions too |
///
/// `updatedAt` alone is no difference. A session that another one replaced in the browser but that
/// the server still has, as after a second sign-in, has not ended.
///
/// | path below the base path | look-ups: session before + after, other reads |
/// |---|---|
/// | `/sign-up/…`, `/sign-in/…`, `/callback/…`, `/magic-link/verify`, `/verify-email`, `/two-factor/verify-…` and the other ways to sign in | 1 + 1, and `list-sessions` if the session was replaced |
/// | `/update-user`, `/change-email`, `/two-factor/enable`, `/two-factor/disable`, `/delete-user`, `/delete-user/callback`, `/…/reset-password` | 1 + 1 |
/// | `/revoke-session`, `/revoke-sessions`, `/revoke-other-sessions`, `/change-password` | 1 + 1, and `list-sessions` before: one `session.revoked` each |
/// | `/sign-out`, `/multi-session/revoke` | 1 + 1, and the sessions of the device, if it has several |
/// | any path that no rule names, if the response sets or clears a cookie that ends in `session_token` | 0 + 1 (before is the cookie's handle), and `list-sessions` if the session was replaced |
/// | any other path | none |
///
/// A caller without a cookie and a bearer token costs [`GetSession`](crate::session::GetSession) no request.
///
/// # Events of others
///
/// | path, response 2xx | events | reads before |
/// |---|---|---|
/// | `/sign-up/email` without a session | none, see [`dangerous_sign_ups_without_session`](Self::dangerous_sign_ups_without_session) | |
/// | `/organization/create`, `/organization/update`, `/organization/delete` | `organization.created` and `member.added`, `organization.updated`, `organization.deleted` | |
/// | `/organization/invite-member`, `/organization/accept-invitation` | `invitation.created`; `invitation.accepted` and `member.added` | |
/// | `/organization/cancel-invitation`, `/organization/reject-invitation` | `invitation.revoked` of a pending one | `organization/list-invitations` (cancel) |
/// | `/organization/update-member-role`, `/organization/remove-member`, `/organization/leave` | `member.role_updated`, `member.removed`, `member.removed` | |
/// | `/admin/create-user`, `/admin/remove-user`, `/admin/set-user-password` | `user.created`, `user.deleted`, `password.reset` | |
/// | `/admin/update-user`, `/admin/set-role`, `/admin/ban-user`, `/admin/unban-user` | the difference: `user.updated`, `user.banned`, `user.unbanned` | `admin/get-user` |
/// | `/admin/revoke-user-session` | `session.revoked` | the session of the token, at most 2 look-ups |
/// | `/api-key/create`, `/api-key/delete` | `api_key.created`, `api_key.revoked` | |
///
/// The layer withholds a response that it cannot read (compressed, longer than the limit, no JSON) as
/// `events-lost`, unless the caller's session shows what happened.
///
/// # What these rules cannot see
///
/// `/reset-password` without a session names no user. `/verify-email` by link names only an address:
/// it makes no event unless the link signs the user in, or the caller is that user. `/admin/revoke-user-sessions` names no session, nor does a sign-in by link or code that ends
/// the sessions of an unproven user. SCIM's ids are not the users'. A session older than Better
/// Auth's `freshAge` (1 day by default) may end others in bulk and not list them: only its own end
/// makes an event, and the layer logs a warning. The rules do not see a session cookie with another
/// name than `…session_token`, nor a caller who is signed in by an API key alone. Where you own the
/// server, declare these with [`Emit`](super::emit::Emit) or [`Emitter`](super::outbox::Emitter).
///
/// # Paths
///
/// The path must equal the route's. Dot segments and back slashes are resolved first, as the
/// server's URL parser does, and one slash at the end is ignored; otherwise a caller could hide an
/// event by spelling the path another way. Send only the base path to the auth server: Better Auth
/// also serves a base path in the middle of a path.
#[derive(Clone, Debug)]
pub struct BetterAuthRoutes {
    base_path: Box<str>,
    include: IncludedFields,
    sessions: Sessions,
    sessionless_sign_ups: bool,
}

impl BetterAuthRoutes {
    /// Creates rules that look sessions up with `lookup`: [`GetSession`](crate::session::GetSession)
    /// asks the auth server itself.
    #[must_use]
    pub fn new(lookup: impl SessionLookup) -> Self {
        Self {
            base_path: "/api/auth".into(),
            include: IncludedFields::default(),
            sessions: Sessions::new(lookup),
            sessionless_sign_ups: false,
        }
    }

    /// Sets the path above all routes. Default: `/api/auth`, Better Auth's.
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
    /// The layer never sends a field with the name of a secret (`password`, `token`, `key`, …), even if
    /// it is listed here.
    #[must_use]
    pub fn include<F: Into<Box<str>>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.include.0.extend(fields.into_iter().map(Into::into));
        self
    }

    /// Also makes `user.created` of a sign-up that opens no session. Default: no event.
    ///
    /// Where an address must be verified before the first sign-in, Better Auth gives the same response
    /// for a new address and for one that is taken, with a user that does not exist, so that nobody
    /// can find out who has an account.
    ///
    /// # Security
    ///
    /// Anybody can then cause `user.created` for users that do not exist. Receivers must tolerate
    /// that.
    #[must_use]
    pub const fn dangerous_sign_ups_without_session(mut self) -> Self {
        self.sessionless_sign_ups = true;
        self
    }

    /// Returns the path as the server resolves it, without the base path and a slash at the end.
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
        let input = RuleInput {
            exchange,
            include: &self.include,
            sessionless_sign_ups: self.sessionless_sign_ups,
        };
        let caller = route.map_or(Some(routes::ANYTHING), |route| route.caller);
        let mut events = caller.map_or_else(Vec::new, |caller| caller::events(&input, caller));
        if let Some(route) = route.filter(|_| exchange.status().is_success()) {
            events.extend((route.others)(&input));
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

/// Resolves dot segments and back slashes as the WHATWG URL parser of a JavaScript server does.
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
