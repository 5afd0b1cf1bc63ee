//! Payloads by allow-list: the documented fields of each resource, and those that the user adds.
//!
//! The names are those of Better Auth 1.7 with its plugins admin, anonymous, api-key, organization,
//! phone-number, two-factor and username.

use serde_json::{Map, Value};

use crate::wire::event::handle_of;
use crate::wire::json::{lenient, text};

/// The `data` of an event under construction.
pub(crate) type Data = Map<String, Value>;

/// The fields that the user adds to the documented ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct IncludedFields(pub(crate) Vec<Box<str>>);

impl IncludedFields {
    pub(crate) fn user(&self, user: &Data) -> Option<Data> {
        self.with_id(user, USER)
    }

    pub(crate) fn organization(&self, organization: &Data) -> Option<Data> {
        let mut data = self.with_id(organization, ORGANIZATION)?;
        open_metadata(&mut data);
        Some(data)
    }

    pub(crate) fn member(&self, member: &Data) -> Option<Data> {
        self.with_id(member, MEMBER)
    }

    pub(crate) fn invitation(&self, invitation: &Data) -> Option<Data> {
        self.with_id(invitation, INVITATION)
    }

    pub(crate) fn api_key(&self, key: &Data) -> Option<Data> {
        let mut data = self.with_id(key, API_KEY)?;
        open_metadata(&mut data);
        Some(data)
    }

    /// Makes a session payload; the token becomes the handle. `None` without either.
    pub(crate) fn session(&self, session: &Data) -> Option<Data> {
        let mut data = self.allowed(session, SESSION);
        data.insert("handle".into(), handle_of(session)?);
        Some(data)
    }

    fn with_id(&self, resource: &Data, documented: &[&str]) -> Option<Data> {
        text(resource, "id")?;
        Some(self.allowed(resource, documented))
    }

    fn allowed(&self, resource: &Data, documented: &[&str]) -> Data {
        let documented = documented.iter().copied();
        let included = self.0.iter().map(AsRef::as_ref);
        documented
            .chain(included)
            .filter_map(|key| Some((key.to_owned(), resource.get(key)?.clone())))
            .collect()
    }
}

/// Returns whether this is a documented field of some resource that its auth server shows as a plain
/// value. The contents of `metadata` are not documented.
pub(crate) fn is_documented(key: &str) -> bool {
    let resources = [USER, SESSION, ORGANIZATION, MEMBER, INVITATION, API_KEY];
    key != "metadata" && resources.iter().any(|fields| fields.contains(&key))
}

/// Some responses hold metadata as JSON in a text, which hides the names of fields.
fn open_metadata(data: &mut Data) {
    if let Some(metadata) = data.get_mut("metadata") {
        let Value::String(packed) = metadata else {
            return;
        };
        *metadata = lenient::read(packed.as_bytes()).unwrap_or_default();
    }
}

const USER: &[&str] = &[
    "id",
    "name",
    "email",
    "emailVerified",
    "image",
    "createdAt",
    "updatedAt",
    "username",
    "displayUsername",
    "phoneNumber",
    "phoneNumberVerified",
    "isAnonymous",
    "role",
    "banned",
    "banReason",
    "banExpires",
    "twoFactorEnabled",
];

const SESSION: &[&str] = &[
    "id",
    "handle",
    "userId",
    "expiresAt",
    "createdAt",
    "updatedAt",
    "ipAddress",
    "userAgent",
    "impersonatedBy",
    "activeOrganizationId",
    "activeTeamId",
];

const ORGANIZATION: &[&str] = &[
    "id",
    "name",
    "slug",
    "logo",
    "metadata",
    "createdAt",
    "updatedAt",
];

const MEMBER: &[&str] = &[
    "id",
    "organizationId",
    "userId",
    "role",
    "teamId",
    "createdAt",
    "updatedAt",
];

const INVITATION: &[&str] = &[
    "id",
    "organizationId",
    "email",
    "role",
    "teamId",
    "status",
    "inviterId",
    "expiresAt",
    "createdAt",
];

const API_KEY: &[&str] = &[
    "id",
    "configId",
    "name",
    "start",
    "prefix",
    "referenceId",
    "userId",
    "enabled",
    "remaining",
    "permissions",
    "metadata",
    "expiresAt",
    "createdAt",
    "updatedAt",
];
