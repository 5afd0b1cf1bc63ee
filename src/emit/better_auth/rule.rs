//! What the answers mean. Each rule is a pure function of one exchange.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use http::StatusCode;
use http::header::LOCATION;
use serde_json::{Map, Value};

use crate::emit::exchange::Exchange;
use crate::emit::payload::{Data, Include, handle, text};
use crate::emit::sessions::ActiveSession;
use crate::event::{AuthEvent, EventType};

/// What a rule goes by.
pub(super) struct Facts<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) include: &'a Include,
    pub(super) sessionless_sign_ups: bool,
}

impl<'a> Facts<'a> {
    fn answer(&self) -> &'a Value {
        self.exchange.response_json()
    }

    /// A text in the request's body.
    fn asked(&self, key: &str) -> Option<&'a str> {
        text(self.exchange.request_json().as_object()?, key)
    }

    /// Whether the answer has `true` under this key.
    fn says(&self, key: &str) -> bool {
        self.answer()[key] == true
    }

    /// The session that the answer opens: a session object, or only a token and its user.
    fn opened_session(&self) -> Option<Data> {
        let answer = self.answer();
        if let Some(session) = answer["session"].as_object() {
            return self.include.session(session);
        }
        let token = text(answer.as_object()?, "token")?;
        let user = answer["user"].as_object()?;
        Some(Map::from_iter([
            ("handle".into(), handle(token)),
            ("userId".into(), text(user, "id")?.into()),
        ]))
    }

    fn active(&self) -> Option<&'a ActiveSession> {
        self.exchange.session()
    }

    /// The user who was signed in, as looked up before the call.
    fn active_user(&self) -> Option<&'a Data> {
        self.active().map(ActiveSession::user)
    }

    fn active_session(&self) -> Option<Data> {
        self.include.session(self.active()?.session())
    }
}

fn one(event_type: EventType, data: Option<Data>) -> Vec<AuthEvent> {
    data.map(|data| AuthEvent::new(event_type, data))
        .into_iter()
        .collect()
}

/// A change that the answer does not show, and nothing else: what was looked up before the call, in
/// a cookie's cache even minutes before, would undo what happened since.
fn changed(user: &Data, field: &str, value: bool) -> Option<Data> {
    let mut data = only_id(text(user, "id")?);
    data.insert(field.into(), value.into());
    Some(data)
}

fn only_id(id: &str) -> Data {
    Map::from_iter([("id".into(), id.into())])
}

/// An empty answer of a new user is also given for an address that is taken, see
/// [`dangerous_sign_ups_without_session`](super::BetterAuthRoutes::dangerous_sign_ups_without_session).
pub(super) fn signed_up(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let session = facts.opened_session();
    if session.is_none() && !facts.sessionless_sign_ups {
        return Vec::new();
    }
    let mut events = one(
        EventType::UserCreated,
        facts.include.user(&facts.answer()["user"]),
    );
    events.extend(one(EventType::SessionCreated, session));
    events
}

pub(super) fn signed_in(facts: &Facts<'_>) -> Vec<AuthEvent> {
    one(EventType::SessionCreated, facts.opened_session())
}

/// The first right code switches the second factor on, and the answer shows the user from before
/// it; every later one completes a sign-in.
pub(super) fn second_factor(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let user = &facts.answer()["user"];
    if user["twoFactorEnabled"] != false {
        return signed_in(facts);
    }
    let data = user
        .as_object()
        .and_then(|user| changed(user, "twoFactorEnabled", true));
    one(EventType::TwoFactorEnabled, data)
}

pub(super) fn two_factor_disabled(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let user = facts.active_user().filter(|_| facts.says("status"));
    let data = user.and_then(|user| changed(user, "twoFactorEnabled", false));
    one(EventType::TwoFactorDisabled, data)
}

pub(super) fn signed_out(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let session = facts.active_session().filter(|_| facts.says("success"));
    one(EventType::SessionRevoked, session)
}

/// The caller names a session of their own by its token.
pub(super) fn session_revoked(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let data = || {
        let token = facts.asked("token").filter(|_| facts.says("status"))?;
        let user_id = text(facts.active()?.user(), "id")?;
        Some(Map::from_iter([
            ("handle".into(), handle(token)),
            ("userId".into(), user_id.into()),
        ]))
    };
    one(EventType::SessionRevoked, data())
}

/// The session that ends is the one the request came with; the answer shows the one it returns to.
pub(super) fn impersonation_ended(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let returned = facts.answer()["session"].is_object();
    let session = facts.active_session().filter(|_| returned);
    one(EventType::SessionRevoked, session)
}

/// The answer has no user, and the request may name fields that the server ignored: only the user
/// as looked up after the call can be told.
pub(super) fn user_updated(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let user = || {
        let before = facts.active().filter(|_| facts.says("status"))?;
        let after = facts.exchange.session_after()?;
        let same = text(before.user(), "id") == text(after.user(), "id");
        let user = Value::Object(after.user().clone());
        facts.include.user(&user).filter(|_| same)
    };
    one(EventType::UserUpdated, user())
}

/// A deletion that must first be confirmed by mail also answers `success`.
pub(super) fn user_deleted(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let deleted = facts.says("success") && facts.answer()["message"] == "User deleted";
    let data = || {
        let user = Value::Object(facts.active_user()?.clone());
        let mut data = facts.include.user(&user).filter(|_| deleted)?;
        // The deletion is later than the last change.
        data.remove("updatedAt");
        Some(data)
    };
    one(EventType::UserDeleted, data())
}

/// The link may belong to another user than the one signed in, may have been used before, and a
/// redirect may lead to an error.
pub(super) fn email_verified(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let exchange = facts.exchange;
    let succeeded = match exchange.status() {
        StatusCode::FOUND => !redirects_to_error(exchange),
        _ => facts.says("status"),
    };
    let user = facts.active_user().filter(|user| {
        succeeded
            && user.get("emailVerified") == Some(&Value::Bool(false))
            && exchange.query("token").is_some_and(|token| {
                let address = address_in(&token);
                address.is_some() && address.as_deref() == text(user, "email")
            })
    });
    let data = user.and_then(|user| changed(user, "emailVerified", true));
    one(EventType::EmailVerified, data)
}

fn redirects_to_error(exchange: &Exchange) -> bool {
    let location = exchange.response_headers().get(LOCATION);
    let Some(Ok(location)) = location.map(|it| it.to_str()) else {
        return true;
    };
    let query = location.split_once('?').map_or("", |(_path, query)| query);
    url::form_urlencoded::parse(query.as_bytes()).any(|(key, _value)| key == "error")
}

/// The address in a verification token. Its signature is the auth server's to check, and it did:
/// the answer is a success.
fn address_in(token: &str) -> Option<String> {
    let claims = token.split('.').nth(1)?;
    let claims = Base64UrlUnpadded::decode_vec(claims).ok()?;
    let claims: Map<String, Value> = serde_json::from_slice(&claims).ok()?;
    // A token with `updateTo` changes the address instead.
    if claims.contains_key("updateTo") {
        return None;
    }
    text(&claims, "email").map(Into::into)
}

pub(super) fn organization_created(facts: &Facts<'_>) -> Vec<AuthEvent> {
    one(
        EventType::OrganizationCreated,
        facts.include.organization(facts.answer()),
    )
}

pub(super) fn organization_updated(facts: &Facts<'_>) -> Vec<AuthEvent> {
    one(
        EventType::OrganizationUpdated,
        facts.include.organization(facts.answer()),
    )
}

/// Answers the organization, or in older versions only its id.
pub(super) fn organization_deleted(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let data = match facts.answer() {
        Value::String(id) if !id.is_empty() => Some(only_id(id)),
        answer => facts.include.organization(answer),
    };
    one(EventType::OrganizationDeleted, data)
}

pub(super) fn invited(facts: &Facts<'_>) -> Vec<AuthEvent> {
    one(
        EventType::InvitationCreated,
        facts.include.invitation(facts.answer()),
    )
}

pub(super) fn invitation_revoked(facts: &Facts<'_>) -> Vec<AuthEvent> {
    one(
        EventType::InvitationRevoked,
        facts.include.invitation(facts.answer()),
    )
}

pub(super) fn invitation_accepted(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let answer = facts.answer();
    let mut events = one(
        EventType::InvitationAccepted,
        facts.include.invitation(&answer["invitation"]),
    );
    events.extend(one(
        EventType::MemberAdded,
        facts.include.member(&answer["member"]),
    ));
    events
}

/// Answers the member, or an object that holds it.
fn answered_member(facts: &Facts<'_>) -> Option<Data> {
    let answer = facts.answer();
    let member = answer.get("member").unwrap_or(answer);
    facts.include.member(member)
}

pub(super) fn member_role_updated(facts: &Facts<'_>) -> Vec<AuthEvent> {
    one(EventType::MemberRoleUpdated, answered_member(facts))
}

pub(super) fn member_removed(facts: &Facts<'_>) -> Vec<AuthEvent> {
    one(EventType::MemberRemoved, answered_member(facts))
}

/// Answers the user, or an object that holds it.
fn answered_user(facts: &Facts<'_>) -> Option<Data> {
    let answer = facts.answer();
    let user = answer.get("user").unwrap_or(answer);
    facts.include.user(user)
}

pub(super) fn admin_created_user(facts: &Facts<'_>) -> Vec<AuthEvent> {
    one(EventType::UserCreated, answered_user(facts))
}

pub(super) fn admin_updated_user(facts: &Facts<'_>) -> Vec<AuthEvent> {
    one(EventType::UserUpdated, answered_user(facts))
}

pub(super) fn user_banned(facts: &Facts<'_>) -> Vec<AuthEvent> {
    one(EventType::UserBanned, answered_user(facts))
}

pub(super) fn user_unbanned(facts: &Facts<'_>) -> Vec<AuthEvent> {
    one(EventType::UserUnbanned, answered_user(facts))
}

pub(super) fn admin_removed_user(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let id = facts.asked("userId").filter(|_| facts.says("success"));
    one(EventType::UserDeleted, id.map(only_id))
}

pub(super) fn admin_revoked_session(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let token = facts
        .asked("sessionToken")
        .filter(|_| facts.says("success"));
    let data = token.map(|token| Map::from_iter([("handle".into(), handle(token))]));
    one(EventType::SessionRevoked, data)
}

pub(super) fn api_key_created(facts: &Facts<'_>) -> Vec<AuthEvent> {
    one(
        EventType::ApiKeyCreated,
        facts.include.api_key(facts.answer()),
    )
}

pub(super) fn api_key_revoked(facts: &Facts<'_>) -> Vec<AuthEvent> {
    let id = facts.asked("keyId").filter(|_| facts.says("success"));
    one(EventType::ApiKeyRevoked, id.map(only_id))
}
