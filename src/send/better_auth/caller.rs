//! Events of the caller: the difference between before and after the call.

use http::StatusCode;
use serde_json::{Map, Value};

use super::input::RuleInput;
use super::routes::{CallerRule, SessionEnding, SessionOpening};
use super::user;
use crate::send::emit::{Data, issued_token};
use crate::session::ActiveSession;
use crate::wire::event::{AuthEvent, EventType, handle, handle_of};
use crate::wire::json::text;

/// Returns the events of the caller's session, other sessions and user.
pub(super) fn events(input: &RuleInput<'_>, caller: CallerRule) -> Vec<AuthEvent> {
    let change = CallerChange {
        input,
        caller,
        before: input.exchange.session(),
        after: input.exchange.session_after(),
    };
    let mut events = match (change.before, change.after) {
        (Some(before), Some(after)) if before.handle() == after.handle() => {
            user::changes(input, before.user(), after.user())
        }
        (_, Some(after)) => change.new_session(after),
        (_, None) => change.opened_by_body(),
    };
    events.extend(change.user_of_body());
    events.extend(change.ended());
    events.extend(change.listed_that_ended());
    events
}

/// The look-ups before and after the call.
struct CallerChange<'a> {
    input: &'a RuleInput<'a>,
    caller: CallerRule,
    before: Option<&'a ActiveSession>,
    after: Option<&'a ActiveSession>,
}

impl CallerChange<'_> {
    /// Events of a caller whose session is not the one from before.
    fn new_session(&self, after: &ActiveSession) -> Vec<AuthEvent> {
        let same_user = self.before.filter(|it| it.user_id() == after.user_id());
        let mut events = match same_user {
            Some(before) => user::changes(self.input, before.user(), after.user()),
            None => self.new_user(after.user(), after.session().get("createdAt")),
        };
        events.extend(self.opened(after.session(), after.user_id()));
        events
    }

    /// Events of a user whom no look-up before the call showed: the call made or changed the user, or
    /// neither.
    fn new_user(&self, user: &Data, opened: Option<&Value>) -> Vec<AuthEvent> {
        let by_call = |field| self.input.exchange.was_made_at(user.get(field), opened);
        // The server's `Date` has whole seconds: without a session, a new user has no later change.
        let is_new = || opened.is_some() || user.get("createdAt") == user.get("updatedAt");
        let event_type = match self.caller.opens {
            SessionOpening::Nothing => return Vec::new(),
            SessionOpening::OfNewUser => EventType::UserCreated,
            SessionOpening::OfAnyUser | SessionOpening::ByProof
                if by_call("createdAt") && is_new() =>
            {
                EventType::UserCreated
            }
            SessionOpening::OfAnyUser | SessionOpening::ByProof if by_call("updatedAt") => {
                EventType::UserUpdated
            }
            SessionOpening::OfAnyUser | SessionOpening::ByProof => return Vec::new(),
        };
        let proved = self.caller.opens == SessionOpening::ByProof
            && event_type == EventType::UserUpdated
            && user.get("emailVerified") == Some(&Value::Bool(true));
        let mut events = self.input.user(event_type, user);
        if proved {
            events.extend(self.input.user(EventType::EmailVerified, user));
        }
        events
    }

    fn opened(&self, session: &Data, user_id: Option<&str>) -> Option<AuthEvent> {
        if self.caller.opens == SessionOpening::Nothing {
            return None;
        }
        let mut data = self.input.include.session(session)?;
        data.insert("userId".into(), user_id?.into());
        Some(AuthEvent::new(EventType::SessionCreated, data))
    }

    /// Events of a response whose body holds a session that no look-up finds: the server sends no
    /// cookies and takes no bearer tokens.
    fn opened_by_body(&self) -> Vec<AuthEvent> {
        let body = self.input.exchange.response_json();
        let Some(token) = issued_token(body) else {
            return Vec::new();
        };
        let named = Map::from_iter([("token".into(), token.into())]);
        let session = body["session"].as_object().unwrap_or(&named);
        let user = body["user"].as_object();
        let user_id = user.and_then(|user| text(user, "id"));
        let Some(opened) = self.opened(session, user_id.or_else(|| text(session, "userId"))) else {
            return Vec::new();
        };
        let events = user.map(|user| self.new_user(user, session.get("createdAt")));
        events.into_iter().flatten().chain([opened]).collect()
    }

    /// Events of a user whom the body shows although the caller is not signed in as that user: a link or
    /// code proved the address, for instance.
    fn user_of_body(&self) -> Vec<AuthEvent> {
        let body = self.input.exchange.response_json();
        let user = body["user"].as_object().filter(|user| {
            let known = [self.before, self.after].into_iter().flatten();
            let id = text(user, "id");
            known.map(ActiveSession::user_id).all(|known| known != id)
        });
        // A sign-up shows a user even if none exists, see `rule::signed_up`.
        match user {
            Some(user) if issued_token(body).is_none() => match self.caller.opens {
                SessionOpening::OfAnyUser | SessionOpening::ByProof => self.new_user(user, None),
                SessionOpening::Nothing | SessionOpening::OfNewUser => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// Events of a caller who no longer has the session from before.
    fn ended(&self) -> Vec<AuthEvent> {
        let Some(before) = self.before.filter(|before| !self.lives_on(before)) else {
            return Vec::new();
        };
        let linked = self.after.is_some_and(|after| {
            before.user().get("isAnonymous") == Some(&Value::Bool(true))
                && before.user_id() != after.user_id()
        });
        if linked || (self.caller.ends == SessionEnding::User && self.after.is_none()) {
            // The deletion is later than the last change.
            let mut user = before.user().clone();
            user.remove("updatedAt");
            return self.input.user(EventType::UserDeleted, &user);
        }
        let revoked = self.revoked(before.session(), before.user_id());
        revoked.into_iter().collect()
    }

    /// Returns whether the session still lives: the caller has it, or only the server does.
    fn lives_on(&self, before: &ActiveSession) -> bool {
        // Its own credentials read the list, or would if the session were fresh.
        let works = |status| ![StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND].contains(&status);
        let listed = self.input.exchange.listed.as_ref();
        self.after
            .is_some_and(|after| after.handle() == before.handle())
            || (self.caller.ends == SessionEnding::Nothing
                && listed.is_some_and(|it| works(it.status())))
    }

    fn revoked(&self, session: &Data, user_id: Option<&str>) -> Option<AuthEvent> {
        let mut data = self.input.include.session(session)?;
        if let Some(user_id) = user_id {
            data.insert("userId".into(), user_id.into());
        }
        Some(AuthEvent::new(EventType::SessionRevoked, data))
    }

    /// Events of sessions besides the caller's own that were listed before the call and ended with it.
    fn listed_that_ended(&self) -> Vec<AuthEvent> {
        let exchange = self.input.exchange;
        if !exchange.status().is_success() {
            return Vec::new();
        }
        let own = self.before.and_then(ActiveSession::handle);
        let kept = self.after.and_then(ActiveSession::handle);
        let named = match self.caller.ends {
            SessionEnding::Named(key) => self.input.request_text(key),
            _ => None,
        };
        let ends = |session: &Data| match (self.caller.ends, handle_of(session)) {
            (_, None) | (SessionEnding::Nothing | SessionEnding::User, _) => false,
            (_, session) if session == own || session == kept => false,
            (SessionEnding::Named(_), session) => session == named.map(handle),
            (SessionEnding::Others, _) => true,
            (SessionEnding::OthersIfReplaced, _) => own != kept,
        };
        let unlisted = exchange
            .listed
            .as_ref()
            .filter(|it| ![StatusCode::OK, StatusCode::UNAUTHORIZED].contains(&it.status()));
        let unlisted = unlisted
            .and(named)
            .map(|token| Map::from_iter([("token".into(), token.into())]));
        let listed = exchange
            .listing()
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        // A list of several users' sessions holds each beside its user.
        let listed = listed.filter_map(|item| item.get("session").unwrap_or(item).as_object());
        let own_user = self.before.and_then(ActiveSession::user_id);
        let ended = listed.chain(&unlisted).filter(|session| ends(session));
        let user_of = |session| text(session, "userId").or(own_user);
        ended
            .filter_map(|session| self.revoked(session, user_of(session)))
            .collect()
    }
}
