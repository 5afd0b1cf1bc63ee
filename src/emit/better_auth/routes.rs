//! The table of routes.

use http::{Method, StatusCode};

use super::rule::{self, Facts};
use crate::emit::rules::SessionUse;
use crate::event::AuthEvent;

/// One route: exact method, path below the base path, and statuses.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) statuses: &'static [StatusCode],
    /// Whether the rule must know who was signed in.
    pub(super) session: SessionUse,
    /// Whether the rule looks at the request's body.
    pub(super) reads_request: bool,
    pub(super) events: fn(&Facts<'_>) -> Vec<AuthEvent>,
}

const OK: &[StatusCode] = &[StatusCode::OK];
const OK_OR_FOUND: &[StatusCode] = &[StatusCode::OK, StatusCode::FOUND];

const fn post(path: &'static str, events: fn(&Facts<'_>) -> Vec<AuthEvent>) -> Route {
    route(Method::POST, path, events)
}

const fn get(path: &'static str, events: fn(&Facts<'_>) -> Vec<AuthEvent>) -> Route {
    route(Method::GET, path, events)
}

const fn route(
    method: Method,
    path: &'static str,
    events: fn(&Facts<'_>) -> Vec<AuthEvent>,
) -> Route {
    Route {
        method,
        path,
        statuses: OK,
        session: SessionUse::None,
        reads_request: false,
        events,
    }
}

impl Route {
    const fn with_session(mut self) -> Self {
        self.session = SessionUse::Before;
        self
    }

    const fn with_session_after(mut self) -> Self {
        self.session = SessionUse::BeforeAndAfter;
        self
    }

    const fn reading_request(mut self) -> Self {
        self.reads_request = true;
        self
    }

    const fn or_found(mut self) -> Self {
        self.statuses = OK_OR_FOUND;
        self
    }
}

/// Every route that makes an event.
pub(super) static ROUTES: &[Route] = &[
    post("/sign-up/email", rule::signed_up),
    post("/sign-in/anonymous", rule::signed_up),
    post("/sign-in/email", rule::signed_in),
    post("/sign-in/username", rule::signed_in),
    post("/sign-in/email-otp", rule::signed_in),
    post("/sign-in/phone-number", rule::signed_in),
    post("/sign-in/social", rule::signed_in),
    get("/magic-link/verify", rule::signed_in),
    post("/two-factor/verify-totp", rule::second_factor),
    post("/two-factor/verify-otp", rule::second_factor),
    post("/two-factor/verify-backup-code", rule::second_factor),
    post("/two-factor/disable", rule::two_factor_disabled).with_session(),
    post("/sign-out", rule::signed_out).with_session(),
    post("/revoke-session", rule::session_revoked)
        .with_session()
        .reading_request(),
    post("/update-user", rule::user_updated).with_session_after(),
    post("/delete-user", rule::user_deleted).with_session(),
    get("/delete-user/callback", rule::user_deleted).with_session(),
    get("/verify-email", rule::email_verified)
        .with_session()
        .or_found(),
    post("/organization/create", rule::organization_created),
    post("/organization/update", rule::organization_updated),
    post("/organization/delete", rule::organization_deleted),
    post("/organization/invite-member", rule::invited),
    post("/organization/cancel-invitation", rule::invitation_revoked),
    post("/organization/accept-invitation", rule::invitation_accepted),
    post(
        "/organization/update-member-role",
        rule::member_role_updated,
    ),
    post("/organization/remove-member", rule::member_removed),
    post("/organization/leave", rule::member_removed),
    post("/admin/create-user", rule::admin_created_user),
    post("/admin/update-user", rule::admin_updated_user),
    post("/admin/set-role", rule::admin_updated_user),
    post("/admin/ban-user", rule::user_banned),
    post("/admin/unban-user", rule::user_unbanned),
    post("/admin/remove-user", rule::admin_removed_user).reading_request(),
    post("/admin/impersonate-user", rule::signed_in),
    post("/admin/stop-impersonating", rule::impersonation_ended).with_session(),
    post("/admin/revoke-user-session", rule::admin_revoked_session).reading_request(),
    post("/api-key/create", rule::api_key_created),
    post("/api-key/delete", rule::api_key_revoked).reading_request(),
];
