//! The table of routes.

use http::{HeaderMap, Method};
use serde_json::Value;

use super::input::RuleInput;
use super::rule;
use crate::send::emit::{BodyUse, Capture, Listing, Responses, SessionUse};
use crate::session::cookie;
use crate::wire::event::AuthEvent;
use crate::wire::json::text;

/// One route: exact method, path below the base path, and its possible events.
pub(super) struct Route {
    pub(super) method: Method,
    /// `*` stands for one part of a path.
    pub(super) path: &'static str,
    /// The possible changes of the caller's session and user; `None` without any.
    pub(super) caller: Option<CallerRule>,
    /// Whether the rule depends on the request's body.
    pub(super) reads_request: bool,
    pub(super) body: BodyUse,
    pub(super) listing: Listing,
    /// The events of others, from the response.
    pub(super) others: fn(&RuleInput<'_>) -> Vec<AuthEvent>,
}

/// The possible changes of the caller.
#[derive(Clone, Copy)]
pub(super) struct CallerRule {
    pub(super) opens: SessionOpening,
    pub(super) ends: SessionEnding,
}

/// The meaning of another session after the call.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum SessionOpening {
    /// The session existed before.
    Nothing,
    /// The session is new, and so is a user whom the server made during the call.
    OfAnyUser,
    /// The same, and a user whom the call changed has proved the address.
    ByProof,
    /// Session and user are new.
    OfNewUser,
}

/// The sessions that end, besides a replaced one.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum SessionEnding {
    Nothing,
    /// The user, if the session is gone.
    User,
    /// The session whose token is in the request under this key, if it is listed.
    Named(&'static str),
    /// All sessions that are listed but the one that the caller has afterwards.
    Others,
    /// The same, if the caller has another one afterwards.
    OthersIfReplaced,
}

const LIST_SESSIONS: &str = "/list-sessions";

const fn route(method: Method, path: &'static str) -> Route {
    Route {
        method,
        path,
        caller: None,
        reads_request: false,
        body: BodyUse::None,
        listing: Listing::None,
        others: |_input| Vec::new(),
    }
}

/// A route whose response shows others.
const fn others(path: &'static str, others: fn(&RuleInput<'_>) -> Vec<AuthEvent>) -> Route {
    let mut route = route(Method::POST, path);
    route.body = BodyUse::Json;
    route.others = others;
    route
}

/// A route that changes the caller, which only the session shows.
const fn changes(method: Method, path: &'static str, ends: SessionEnding) -> Route {
    let mut route = route(method, path);
    let opens = SessionOpening::OfAnyUser;
    route.caller = Some(CallerRule { opens, ends });
    route
}

/// A route that gives the caller a session; a caller without cookies finds the token in the body.
const fn opens(method: Method, path: &'static str, opens: SessionOpening) -> Route {
    let mut route = route(method, path);
    let ends = SessionEnding::Nothing;
    route.caller = Some(CallerRule { opens, ends });
    route.body = BodyUse::JsonOrSession;
    route.listing = Listing::IfReplaced(LIST_SESSIONS);
    route
}

const fn signs_in(method: Method, path: &'static str) -> Route {
    opens(method, path, SessionOpening::OfAnyUser)
}

impl Route {
    const fn reading_request(mut self) -> Self {
        self.reads_request = true;
        self
    }

    const fn listing(mut self, path: fn(&HeaderMap, &Value) -> Option<String>) -> Self {
        self.listing = Listing::Before(path);
        self
    }

    const fn looking_at_user(self) -> Self {
        self.listing(user).reading_request()
    }

    const fn looking_at_session(mut self, key: &'static str) -> Self {
        self.listing = Listing::SessionOf(key);
        self.reading_request()
    }

    const fn ending(mut self, ends: SessionEnding) -> Self {
        if let Some(caller) = &mut self.caller {
            caller.ends = ends;
        }
        self
    }

    const fn with_others(mut self, others: fn(&RuleInput<'_>) -> Vec<AuthEvent>) -> Self {
        self.others = others;
        self
    }

    pub(super) fn capture(&self) -> Capture {
        Capture {
            responses: Responses::ThatMayChangeSomething,
            session: self
                .caller
                .map_or(SessionUse::None, |_| SessionUse::BeforeAndAfter),
            reads_request: self.reads_request,
            body: self.body,
            listing: self.listing,
        }
    }

    pub(super) fn matches(&self, method: &Method, path: &str) -> bool {
        *method == self.method
            && self.path.split('/').count() == path.split('/').count()
            && self
                .path
                .split('/')
                .zip(path.split('/'))
                .all(|(wanted, part)| wanted == part || (wanted == "*" && !part.is_empty()))
    }
}

const GET: Method = Method::GET;
const POST: Method = Method::POST;

fn sessions(_headers: &HeaderMap, _request: &Value) -> Option<String> {
    Some(LIST_SESSIONS.to_owned())
}

/// The sessions of one browser, which may be those of several users.
fn device_sessions(headers: &HeaderMap, _request: &Value) -> Option<String> {
    let several = cookie::has_several(headers);
    several.then(|| "/multi-session/list-device-sessions".to_owned())
}

fn user(_headers: &HeaderMap, request: &Value) -> Option<String> {
    let id = text(request.as_object()?, "userId")?;
    let mut query = url::form_urlencoded::Serializer::new("/admin/get-user?".to_owned());
    Some(query.append_pair("id", id).finish())
}

/// The invitations of the caller's active organization.
fn invitations(_headers: &HeaderMap, _request: &Value) -> Option<String> {
    Some("/organization/list-invitations".to_owned())
}

/// The possible changes on a path that no rule names.
pub(super) const ANYTHING: CallerRule = CallerRule {
    opens: SessionOpening::OfAnyUser,
    ends: SessionEnding::Nothing,
};

/// The capture of such a path.
pub(super) const WATCHED: Capture = Capture {
    responses: Responses::ThatChangeTheCookie,
    session: SessionUse::CookieAndAfter,
    reads_request: false,
    body: BodyUse::None,
    listing: Listing::IfReplaced(LIST_SESSIONS),
};

/// Paths that read the session, and clear the cookie of an ended one.
pub(super) const READ_ONLY: [&str; 1] = ["/get-session"];

/// Every route that a rule names.
pub(super) static ROUTES: &[Route] = &[
    opens(POST, "/sign-up/email", SessionOpening::OfNewUser).with_others(rule::signed_up),
    opens(POST, "/sign-in/anonymous", SessionOpening::OfNewUser),
    signs_in(POST, "/sign-in/email"),
    signs_in(POST, "/sign-in/username"),
    signs_in(POST, "/sign-in/phone-number"),
    signs_in(POST, "/sign-in/email-otp"),
    signs_in(POST, "/sign-in/social"),
    signs_in(GET, "/magic-link/verify"),
    opens(GET, "/verify-email", SessionOpening::ByProof),
    opens(POST, "/email-otp/verify-email", SessionOpening::ByProof),
    signs_in(POST, "/phone-number/verify"),
    signs_in(POST, "/siwe/verify"),
    signs_in(POST, "/one-tap/callback"),
    signs_in(POST, "/passkey/verify-authentication"),
    signs_in(POST, "/passkey/verify-registration"),
    signs_in(POST, "/device/token"),
    signs_in(POST, "/electron/token"),
    signs_in(GET, "/callback/*"),
    signs_in(POST, "/callback/*"),
    signs_in(GET, "/callback/*/oauth-proxy"),
    signs_in(GET, "/oauth-proxy-callback"),
    signs_in(GET, "/oauth2/callback/*"),
    signs_in(GET, "/sso/callback"),
    signs_in(GET, "/sso/callback/*"),
    signs_in(POST, "/sso/saml2/callback/*"),
    signs_in(GET, "/sso/saml2/sp/acs/*"),
    signs_in(POST, "/sso/saml2/sp/acs/*"),
    signs_in(POST, "/two-factor/verify-totp"),
    signs_in(POST, "/two-factor/verify-otp"),
    signs_in(POST, "/two-factor/verify-backup-code"),
    signs_in(POST, "/admin/impersonate-user"),
    opens(POST, "/admin/stop-impersonating", SessionOpening::Nothing),
    opens(POST, "/multi-session/set-active", SessionOpening::Nothing),
    opens(POST, "/one-time-token/verify", SessionOpening::Nothing),
    opens(POST, "/multi-session/revoke", SessionOpening::Nothing)
        .ending(SessionEnding::Named("sessionToken"))
        .listing(device_sessions)
        .reading_request(),
    changes(POST, "/two-factor/enable", SessionEnding::Nothing),
    changes(POST, "/two-factor/disable", SessionEnding::Nothing),
    changes(POST, "/update-user", SessionEnding::Nothing),
    changes(POST, "/change-email", SessionEnding::Nothing),
    changes(POST, "/email-otp/change-email", SessionEnding::Nothing),
    changes(POST, "/reset-password", SessionEnding::Nothing),
    changes(POST, "/email-otp/reset-password", SessionEnding::Nothing),
    changes(POST, "/phone-number/reset-password", SessionEnding::Nothing),
    changes(POST, "/sign-out", SessionEnding::Others).listing(device_sessions),
    changes(POST, "/delete-user", SessionEnding::User),
    changes(GET, "/delete-user/callback", SessionEnding::User),
    changes(POST, "/delete-anonymous-user", SessionEnding::User),
    changes(POST, "/revoke-session", SessionEnding::Named("token"))
        .listing(sessions)
        .reading_request(),
    changes(POST, "/revoke-sessions", SessionEnding::Others).listing(sessions),
    changes(POST, "/revoke-other-sessions", SessionEnding::Others).listing(sessions),
    changes(POST, "/change-password", SessionEnding::OthersIfReplaced).listing(sessions),
    others("/organization/create", rule::organization_created),
    others("/organization/update", rule::organization_updated),
    others("/organization/delete", rule::organization_deleted),
    others("/organization/invite-member", rule::invited),
    others("/organization/cancel-invitation", rule::invitation_revoked).listing(invitations),
    others("/organization/reject-invitation", rule::invitation_revoked),
    others("/organization/accept-invitation", rule::invitation_accepted),
    others(
        "/organization/update-member-role",
        rule::member_role_updated,
    ),
    others("/organization/remove-member", rule::member_removed),
    others("/organization/leave", rule::member_removed),
    others("/admin/create-user", rule::admin_created_user),
    others("/admin/update-user", rule::admin_updated_user).looking_at_user(),
    others("/admin/set-role", rule::admin_updated_user).looking_at_user(),
    others("/admin/ban-user", rule::user_banned).looking_at_user(),
    others("/admin/unban-user", rule::user_unbanned).looking_at_user(),
    others("/admin/remove-user", rule::admin_removed_user).reading_request(),
    others("/admin/revoke-user-session", rule::admin_revoked_session)
        .looking_at_session("sessionToken"),
    others("/admin/set-user-password", rule::admin_set_password).reading_request(),
    others("/api-key/create", rule::api_key_created),
    others("/api-key/delete", rule::api_key_revoked).reading_request(),
];
