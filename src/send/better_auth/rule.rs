//! What responses say of others. Each rule is a pure function of one exchange.

use http::StatusCode;
use serde_json::{Map, Value};

use super::user;
use crate::send::emit::Exchange;
use crate::send::emit::{Data, Include};
use crate::wire::event::handle;
use crate::wire::event::{AuthEvent, EventType};
use crate::wire::json::text;

/// What a rule goes by.
pub(super) struct Facts<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) include: &'a Include,
    pub(super) sessionless_sign_ups: bool,
}

impl<'a> Facts<'a> {
    fn response(&self) -> &'a Value {
        self.exchange.response_json()
    }

    /// The object under this key of the response.
    fn told(&self, key: &str) -> Option<&'a Data> {
        self.response().get(key)?.as_object()
    }

    /// The object under this key, or the response itself.
    fn told_or_whole(&self, key: &str) -> Option<&'a Data> {
        self.response()
            .get(key)
            .unwrap_or(self.response())
            .as_object()
    }

    /// A text in the request's body.
    pub(super) fn sent(&self, key: &str) -> Option<&'a str> {
        text(self.exchange.request_json().as_object()?, key)
    }

    /// Whether the response has `true` under this key.
    fn says(&self, key: &str) -> bool {
        self.response()[key] == true
    }

    pub(super) fn user(&self, event_type: EventType, user: &Data) -> Vec<AuthEvent> {
        one(event_type, self.include.user(user))
    }
}

fn one(event_type: EventType, data: Option<Data>) -> Vec<AuthEvent> {
    data.map(|data| AuthEvent::new(event_type, data))
        .into_iter()
        .collect()
}

pub(super) fn only_id(id: &str) -> Data {
    Map::from_iter([("id".into(), id.into())])
}

/// A sign-up that opens no session. The same response is given for an address that is taken, see
/// [`dangerous_sign_ups_without_session`](super::BetterAuthRoutes::dangerous_sign_ups_without_session).
pub(super) fn signed_up(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let opened = facts.exchange.session_after().is_some() || !facts.response()["token"].is_null();
    match facts
        .told("user")
        .filter(|_| facts.sessionless_sign_ups && !opened)
    {
        Some(user) => facts.user(EventType::UserCreated, user),
        None => Vec::new(),
    }
}

fn organization(facts: &Facts<'_>, event_type: EventType) -> Vec<AuthEvent> {
    let organization = facts.response().as_object();
    one(
        event_type,
        organization.and_then(|it| facts.include.organization(it)),
    )
}

fn member(facts: &Facts<'_>, event_type: EventType, member: Option<&Data>) -> Vec<AuthEvent> {
    one(event_type, member.and_then(|it| facts.include.member(it)))
}

fn invitation(facts: &Facts<'_>, event_type: EventType) -> Vec<AuthEvent> {
    let invitation = facts.told_or_whole("invitation");
    one(
        event_type,
        invitation.and_then(|it| facts.include.invitation(it)),
    )
}

/// Answers the user, or an object that holds it.
fn answered_user(facts: &Facts<'_>, event_type: EventType) -> Vec<AuthEvent> {
    let user = facts.told_or_whole("user");
    user.map_or_else(Vec::new, |user| facts.user(event_type, user))
}

/// Answers the organization and its first members.
pub(super) fn organization_created(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let mut events = organization(facts, EventType::OrganizationCreated);
    let members = facts.response()["members"].as_array().into_iter().flatten();
    events.extend(members.flat_map(|it| member(facts, EventType::MemberAdded, it.as_object())));
    events
}

pub(super) fn organization_updated(facts: &Facts<'_>) -> Vec<AuthEvent> {
    organization(facts, EventType::OrganizationUpdated)
}

/// Answers the organization, or in older versions only its id.
pub(super) fn organization_deleted(facts: &Facts<'_>) -> Vec<AuthEvent> {
    match facts.response() {
        Value::String(id) if !id.is_empty() => {
            one(EventType::OrganizationDeleted, Some(only_id(id)))
        }
        _ => organization(facts, EventType::OrganizationDeleted),
    }
}

pub(super) fn invited(facts: &Facts<'_>) -> Vec<AuthEvent> {
    invitation(facts, EventType::InvitationCreated)
}

/// The response is the same for an invitation that is over already.
pub(super) fn invitation_revoked(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let told = facts
        .told_or_whole("invitation")
        .and_then(|it| text(it, "id"));
    let mut listed = facts
        .exchange
        .listing()
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let before = listed.find(|it| it["id"].as_str() == told);
    if before.is_some_and(|it| it["status"] != "pending") {
        return Vec::new();
    }
    invitation(facts, EventType::InvitationRevoked)
}

pub(super) fn invitation_accepted(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let mut events = invitation(facts, EventType::InvitationAccepted);
    events.extend(member(facts, EventType::MemberAdded, facts.told("member")));
    events
}

pub(super) fn member_role_updated(facts: &Facts<'_>) -> Vec<AuthEvent> {
    member(
        facts,
        EventType::MemberRoleUpdated,
        facts.told_or_whole("member"),
    )
}

pub(super) fn member_removed(facts: &Facts<'_>) -> Vec<AuthEvent> {
    member(
        facts,
        EventType::MemberRemoved,
        facts.told_or_whole("member"),
    )
}

pub(super) fn admin_created_user(facts: &Facts<'_>) -> Vec<AuthEvent> {
    answered_user(facts, EventType::UserCreated)
}

/// The difference to the user as looked at before; without that look, what the route stands for.
fn changed_user(facts: &Facts<'_>, event_type: EventType) -> Vec<AuthEvent> {
    let before = facts.exchange.listing().and_then(Value::as_object);
    match (before, facts.told_or_whole("user")) {
        (Some(before), Some(after)) => user::changes(facts, before, after),
        _ => answered_user(facts, event_type),
    }
}

pub(super) fn admin_updated_user(facts: &Facts<'_>) -> Vec<AuthEvent> {
    changed_user(facts, EventType::UserUpdated)
}

pub(super) fn user_banned(facts: &Facts<'_>) -> Vec<AuthEvent> {
    changed_user(facts, EventType::UserBanned)
}

pub(super) fn user_unbanned(facts: &Facts<'_>) -> Vec<AuthEvent> {
    changed_user(facts, EventType::UserUnbanned)
}

pub(super) fn admin_removed_user(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let id = facts.sent("userId").filter(|_| facts.says("success"));
    one(EventType::UserDeleted, id.map(only_id))
}

/// The response is the same for a token of no session.
pub(super) fn admin_revoked_session(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let token = facts.sent("sessionToken").filter(|_| facts.says("success"));
    let data = match &facts.exchange.listed {
        Some(none) if none.status() == StatusCode::NOT_FOUND => None,
        Some(found) => found
            .body()
            .as_object()
            .and_then(|it| facts.include.session(it)),
        None => token.map(|token| Map::from_iter([("handle".into(), handle(token))])),
    };
    one(EventType::SessionRevoked, data.filter(|_| token.is_some()))
}

pub(super) fn admin_set_password(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let id = facts.sent("userId").filter(|_| facts.says("status"));
    one(EventType::PasswordReset, id.map(only_id))
}

pub(super) fn api_key_created(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let key = facts.response().as_object();
    one(
        EventType::ApiKeyCreated,
        key.and_then(|it| facts.include.api_key(it)),
    )
}

pub(super) fn api_key_revoked(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let id = facts.sent("keyId").filter(|_| facts.says("success"));
    one(EventType::ApiKeyRevoked, id.map(only_id))
}
