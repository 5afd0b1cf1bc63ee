//! What happened to the caller: the difference between before and after.

use http::StatusCode;
use serde_json::{Map, Value};

use super::routes::{Caller, Ends, Opens};
use super::rule::Facts;
use super::user;
use crate::send::emit::Data;
use crate::send::emit::told_token;
use crate::session::ActiveSession;
use crate::wire::event::{AuthEvent, EventType};
use crate::wire::event::{handle, handle_of};
use crate::wire::json::text;

/// Returns what happened to the caller's session, sessions and user.
pub(super) fn events(facts: &Facts<'_>, caller: Caller) -> Vec<AuthEvent> {
    let state = State {
        facts,
        caller,
        before: facts.exchange.session(),
        after: facts.exchange.session_after(),
    };
    let mut events = match (state.before, state.after) {
        (Some(before), Some(after)) if before.handle() == after.handle() => {
            user::changes(facts, before.user(), after.user())
        }
        (_, Some(after)) => state.got(after),
        (_, None) => state.opened_by_body(),
    };
    events.extend(state.user_of_body());
    events.extend(state.ended());
    events.extend(state.listed_that_ended());
    events
}

struct State<'a> {
    facts: &'a Facts<'a>,
    caller: Caller,
    before: Option<&'a ActiveSession>,
    after: Option<&'a ActiveSession>,
}

impl State<'_> {
    /// The caller has a session that is not the one from before.
    fn got(&self, after: &ActiveSession) -> Vec<AuthEvent> {
        let same_user = self.before.filter(|it| it.user_id() == after.user_id());
        let mut events = match same_user {
            Some(before) => user::changes(self.facts, before.user(), after.user()),
            None => self.met(after.user(), after.session().get("createdAt")),
        };
        events.extend(self.opened(after.session(), after.user_id()));
        events
    }

    /// A user who was not seen before the call: made or changed by it, or neither.
    fn met(&self, user: &Data, opened: Option<&Value>) -> Vec<AuthEvent> {
        let by_call = |field| self.facts.exchange.was_made_at(user.get(field), opened);
        // The server's `Date` has whole seconds: without a session, a new user has no later change.
        let is_new = || opened.is_some() || user.get("createdAt") == user.get("updatedAt");
        let event_type = match self.caller.opens {
            Opens::Nothing => return Vec::new(),
            Opens::SessionOfNewUser => EventType::UserCreated,
            Opens::Session | Opens::SessionByProof if by_call("createdAt") && is_new() => {
                EventType::UserCreated
            }
            Opens::Session | Opens::SessionByProof if by_call("updatedAt") => {
                EventType::UserUpdated
            }
            Opens::Session | Opens::SessionByProof => return Vec::new(),
        };
        let proved = self.caller.opens == Opens::SessionByProof
            && event_type == EventType::UserUpdated
            && user.get("emailVerified") == Some(&Value::Bool(true));
        let mut events = self.facts.user(event_type, user);
        if proved {
            events.extend(self.facts.user(EventType::EmailVerified, user));
        }
        events
    }

    fn opened(&self, session: &Data, user_id: Option<&str>) -> Option<AuthEvent> {
        if self.caller.opens == Opens::Nothing {
            return None;
        }
        let mut data = self.facts.include.session(session)?;
        data.insert("userId".into(), user_id?.into());
        Some(AuthEvent::new(EventType::SessionCreated, data))
    }

    /// Nobody could be looked up after the call, but the body holds a session: the caller is not
    /// sent cookies, and the server takes no bearer tokens.
    fn opened_by_body(&self) -> Vec<AuthEvent> {
        let body = self.facts.exchange.response_json();
        let Some(token) = told_token(body) else {
            return Vec::new();
        };
        let named = Map::from_iter([("token".into(), token.into())]);
        let session = body["session"].as_object().unwrap_or(&named);
        let user = body["user"].as_object();
        let user_id = user.and_then(|user| text(user, "id"));
        let Some(opened) = self.opened(session, user_id.or_else(|| text(session, "userId"))) else {
            return Vec::new();
        };
        let met = user.map(|user| self.met(user, session.get("createdAt")));
        met.into_iter().flatten().chain([opened]).collect()
    }

    /// A user whom the body shows although the caller is not signed in as that user: the address was
    /// proved by a link or code, for instance.
    fn user_of_body(&self) -> Vec<AuthEvent> {
        let body = self.facts.exchange.response_json();
        let user = body["user"].as_object().filter(|user| {
            let known = [self.before, self.after].into_iter().flatten();
            let id = text(user, "id");
            known.map(ActiveSession::user_id).all(|known| known != id)
        });
        // A sign-up shows a user even if there is none, see `rule::signed_up`.
        match user {
            Some(user) if told_token(body).is_none() => match self.caller.opens {
                Opens::Session | Opens::SessionByProof => self.met(user, None),
                Opens::Nothing | Opens::SessionOfNewUser => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// The caller no longer has the session from before.
    fn ended(&self) -> Vec<AuthEvent> {
        let Some(before) = self.before.filter(|before| !self.lives_on(before)) else {
            return Vec::new();
        };
        let linked = self.after.is_some_and(|after| {
            before.user().get("isAnonymous") == Some(&Value::Bool(true))
                && before.user_id() != after.user_id()
        });
        if linked || (self.caller.ends == Ends::User && self.after.is_none()) {
            // The deletion is later than the last change.
            let mut user = before.user().clone();
            user.remove("updatedAt");
            return self.facts.user(EventType::UserDeleted, &user);
        }
        let revoked = self.revoked(before.session(), before.user_id());
        revoked.into_iter().collect()
    }

    /// Whether the caller has the session still, or the server has it although the browser forgot it.
    fn lives_on(&self, before: &ActiveSession) -> bool {
        // Its own credentials read the list, or would if the session were fresh.
        let works = |status| ![StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND].contains(&status);
        let listed = self.facts.exchange.listed.as_ref();
        self.after
            .is_some_and(|after| after.handle() == before.handle())
            || (self.caller.ends == Ends::Nothing && listed.is_some_and(|it| works(it.status())))
    }

    fn revoked(&self, session: &Data, user_id: Option<&str>) -> Option<AuthEvent> {
        let mut data = self.facts.include.session(session)?;
        if let Some(user_id) = user_id {
            data.insert("userId".into(), user_id.into());
        }
        Some(AuthEvent::new(EventType::SessionRevoked, data))
    }

    /// Sessions besides the caller's own that were listed before the call and ended with it.
    fn listed_that_ended(&self) -> Vec<AuthEvent> {
        let exchange = self.facts.exchange;
        if !exchange.status().is_success() {
            return Vec::new();
        }
        let own = self.before.and_then(ActiveSession::handle);
        let kept = self.after.and_then(ActiveSession::handle);
        let named = match self.caller.ends {
            Ends::Named(key) => self.facts.sent(key),
            _ => None,
        };
        let ends = |session: &Data| match (self.caller.ends, handle_of(session)) {
            (_, None) | (Ends::Nothing | Ends::User, _) => false,
            (_, session) if session == own || session == kept => false,
            (Ends::Named(_), session) => session == named.map(handle),
            (Ends::Others, _) => true,
            (Ends::OthersIfReplaced, _) => own != kept,
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
