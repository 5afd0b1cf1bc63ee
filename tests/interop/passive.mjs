// Routes that neither set nor clear the session cookie nor change a row of users or sessions, by the reason; checked against the
// source: none of their handlers calls setSessionCookie, deleteSessionCookie, or the adapter's writes of users and sessions.

const routes = (text) => text.trim().split("\n").map((line) => line.trim());

export const PASSIVE = {
  "reads only": routes(`
    GET /list-accounts
    GET /account-info
    GET /admin/get-user
    POST /admin/list-user-sessions
    POST /admin/has-permission
    GET /api-key/get
    GET /open-api/generate-schema
    GET /reference
    GET /error
    GET /organization/get-organization
    GET /organization/list
    GET /organization/get-invitation
    GET /organization/get-active-member
    POST /organization/check-slug
    GET /organization/list-user-invitations
    GET /organization/list-members
    GET /organization/get-active-member-role
    GET /organization/list-teams
    GET /organization/list-user-teams
    GET /organization/list-team-members
    POST /organization/has-permission
    POST /is-username-available
    POST /verify-password
    POST /two-factor/get-totp-uri
    POST /email-otp/check-verification-otp
    GET /multi-session/list-device-sessions
    GET /passkey/list-user-passkeys
    GET /.well-known/oauth-authorization-server
    GET /.well-known/openid-configuration
    POST /oauth2/introspect
    GET /oauth2/userinfo
    POST /oauth2/userinfo
    GET /oauth2/get-client
    GET /oauth2/public-client
    POST /oauth2/public-client-prelogin
    GET /oauth2/get-clients
    GET /oauth2/get-consent
    GET /oauth2/get-consents
    GET /admin/oauth2/resources
    GET /admin/oauth2/resources/:identifier
    GET /sso/saml2/sp/metadata
    GET /sso/providers
    GET /sso/get-provider
    GET /scim/v2/Users/:userId
    GET /scim/v2/Users
    GET /scim/v2/Groups/:groupId
    GET /scim/v2/Groups
    GET /scim/v2/ServiceProviderConfig
    GET /scim/v2/Schemas
    GET /scim/v2/Schemas/:schemaId
    GET /scim/v2/ResourceTypes
    GET /scim/v2/ResourceTypes/:resourceTypeId
  `),
  "405 unless refreshes are deferred": routes("POST /get-session"),
  "sends the browser on to the GET": routes("POST /callback/:id"),
  "begins a way that another route ends: writes a verification, and cookies of its own at most": routes(`
    POST /link-social
    POST /email-otp/request-password-reset
    POST /forget-password/email-otp
    POST /email-otp/request-email-change
    POST /phone-number/send-otp
    POST /phone-number/request-password-reset
    POST /siwe/nonce
    POST /siwe/get-nonce
    POST /device/code
    GET /device
    POST /device/approve
    POST /device/deny
    GET /one-time-token/generate
    GET /oauth-popup/start
    GET /passkey/generate-register-options
    GET /passkey/generate-authenticate-options
    GET /electron/init-oauth-proxy
    POST /electron/transfer-user
    GET /expo-authorization-proxy
    POST /sign-in/sso
  `),
  "writes accounts, passkeys, organizations, teams, clients, consents, tokens, providers or groups": routes(`
    POST /unlink-account
    POST /refresh-token
    POST /get-access-token
    POST /passkey/delete-passkey
    POST /passkey/update-passkey
    POST /organization/remove-team
    POST /organization/update-team
    POST /organization/add-team-member
    POST /organization/remove-team-member
    GET /oauth2/authorize
    POST /oauth2/authorize
    POST /oauth2/consent
    POST /oauth2/continue
    POST /oauth2/token
    POST /oauth2/revoke
    POST /oauth2/register
    POST /admin/oauth2/create-client
    POST /oauth2/create-client
    PATCH /admin/oauth2/update-client
    POST /oauth2/update-client
    POST /oauth2/client/rotate-secret
    POST /oauth2/delete-client
    POST /oauth2/update-consent
    POST /oauth2/delete-consent
    POST /admin/oauth2/resources
    PATCH /admin/oauth2/resources/:identifier
    DELETE /admin/oauth2/resources/:identifier
    POST /admin/oauth2/resources/:identifier/clients/:client_id
    DELETE /admin/oauth2/resources/:identifier/clients/:client_id
    POST /sso/register
    POST /sso/update-provider
    POST /sso/delete-provider
    POST /scim/v2/Groups
    DELETE /scim/v2/Groups/:groupId
    PATCH /scim/v2/Groups/:groupId
    PUT /scim/v2/Groups/:groupId
  `),
};
