//! Events of other users and resources. Each rule is a pure function of one exchange.

use http::StatusCode;
use serde_json::{Map, Value};

use super::input::{RuleInput, event, only_id};
use super::user;
use crate::send::emit::Data;
use crate::wire::event::{AuthEvent, EventType, handle};
use crate::wire::json::text;

/// A sign-up that opens no session. The response is the same for an address that is taken, see
/// [`dangerous_sign_ups_without_session`](super::BetterAuthRoutes::dangerous_sign_ups_without_session).
pub(super) fn signed_up(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    let opened = input.exchange.session_after().is_some() || !input.response()["token"].is_null();
    match input
        .object("user")
        .filter(|_| input.sessionless_sign_ups && !opened)
    {
        Some(user) => input.user(EventType::UserCreated, user),
        None => Vec::new(),
    }
}

fn organization(input: &RuleInput<'_>, event_type: EventType) -> Vec<AuthEvent> {
    let organization = input.response().as_object();
    event(
        event_type,
        organization.and_then(|it| input.include.organization(it)),
    )
}

fn member(input: &RuleInput<'_>, event_type: EventType, member: Option<&Data>) -> Vec<AuthEvent> {
    event(event_type, member.and_then(|it| input.include.member(it)))
}

fn invitation(input: &RuleInput<'_>, event_type: EventType) -> Vec<AuthEvent> {
    let invitation = input.object_or_response("invitation");
    event(
        event_type,
        invitation.and_then(|it| input.include.invitation(it)),
    )
}

/// Takes a response that is the user, or an object with the user.
fn user_of_response(input: &RuleInput<'_>, event_type: EventType) -> Vec<AuthEvent> {
    let user = input.object_or_response("user");
    user.map_or_else(Vec::new, |user| input.user(event_type, user))
}

/// The response is the organization and its first members.
pub(super) fn organization_created(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    let mut events = organization(input, EventType::OrganizationCreated);
    let members = input.response()["members"].as_array().into_iter().flatten();
    events.extend(members.flat_map(|it| member(input, EventType::MemberAdded, it.as_object())));
    events
}

pub(super) fn organization_updated(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    organization(input, EventType::OrganizationUpdated)
}

/// The response is the organization, or in older versions only its id.
pub(super) fn organization_deleted(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    match input.response() {
        Value::String(id) if !id.is_empty() => {
            event(EventType::OrganizationDeleted, Some(only_id(id)))
        }
        _ => organization(input, EventType::OrganizationDeleted),
    }
}

pub(super) fn invited(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    invitation(input, EventType::InvitationCreated)
}

/// The response is the same for an invitation that is no longer pending.
pub(super) fn invitation_revoked(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    let id = input
        .object_or_response("invitation")
        .and_then(|it| text(it, "id"));
    let mut listed = input
        .exchange
        .listing()
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let before = listed.find(|it| it["id"].as_str() == id);
    if before.is_some_and(|it| it["status"] != "pending") {
        return Vec::new();
    }
    invitation(input, EventType::InvitationRevoked)
}

pub(super) fn invitation_accepted(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    let mut events = invitation(input, EventType::InvitationAccepted);
    events.extend(member(
        input,
        EventType::MemberAdded,
        input.object("member"),
    ));
    events
}

pub(super) fn member_role_updated(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    member(
        input,
        EventType::MemberRoleUpdated,
        input.object_or_response("member"),
    )
}

pub(super) fn member_removed(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    member(
        input,
        EventType::MemberRemoved,
        input.object_or_response("member"),
    )
}

pub(super) fn admin_created_user(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    user_of_response(input, EventType::UserCreated)
}

/// Makes the events of the difference to the user before the call; without that look-up, the event of
/// the route.
fn changed_user(input: &RuleInput<'_>, event_type: EventType) -> Vec<AuthEvent> {
    let before = input.exchange.listing().and_then(Value::as_object);
    match (before, input.object_or_response("user")) {
        (Some(before), Some(after)) => user::changes(input, before, after),
        _ => user_of_response(input, event_type),
    }
}

pub(super) fn admin_updated_user(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    changed_user(input, EventType::UserUpdated)
}

pub(super) fn user_banned(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    changed_user(input, EventType::UserBanned)
}

pub(super) fn user_unbanned(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    changed_user(input, EventType::UserUnbanned)
}

pub(super) fn admin_removed_user(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    let id = input
        .request_text("userId")
        .filter(|_| input.is_true("success"));
    event(EventType::UserDeleted, id.map(only_id))
}

/// The response is the same for a token without a session.
pub(super) fn admin_revoked_session(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    let token = input
        .request_text("sessionToken")
        .filter(|_| input.is_true("success"));
    let data = match &input.exchange.listed {
        Some(none) if none.status() == StatusCode::NOT_FOUND => None,
        Some(found) => found
            .body()
            .as_object()
            .and_then(|it| input.include.session(it)),
        None => token.map(|token| Map::from_iter([("handle".into(), handle(token))])),
    };
    event(EventType::SessionRevoked, data.filter(|_| token.is_some()))
}

pub(super) fn admin_set_password(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    let id = input
        .request_text("userId")
        .filter(|_| input.is_true("status"));
    event(EventType::PasswordReset, id.map(only_id))
}

pub(super) fn api_key_created(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    let key = input.response().as_object();
    event(
        EventType::ApiKeyCreated,
        key.and_then(|it| input.include.api_key(it)),
    )
}

pub(super) fn api_key_revoked(input: &RuleInput<'_>) -> Vec<AuthEvent> {
    let id = input
        .request_text("keyId")
        .filter(|_| input.is_true("success"));
    event(EventType::ApiKeyRevoked, id.map(only_id))
}
