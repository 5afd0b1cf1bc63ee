// The ways that the first 92 exchanges do not show: of the other plugins, and of the choices that a server has.
// `untold` says why the caller's state cannot tell what happened: only these may differ.
import crypto from "node:crypto";
import { SamlProvider } from "./saml.mjs";
import { Authenticator, Jar, b64, totp } from "./client.mjs";

const PASSWORD = "correct-horse-battery-9";
const BULK_BY_PROOF = "who proves the address of an unverified account ends its sessions, which nobody who calls can list";
const NOT_THE_CALLER = "neither the caller nor the answer is the user that changes";

export async function further(w) {
  let count = 0;
  const post = (name, events, jar, path, body, more = {}, headers) => w.way(name, events, more, jar, "POST", path, body, headers);
  const get = (name, events, jar, path, more = {}, headers) => w.way(name, events, more, jar, "GET", path, undefined, headers);
  const fresh = (name) => `${name}${++count}@example.com`;
  const signUp = async (name = "erin") => {
    const jar = new Jar(), email = fresh(name);
    const { body } = await w.call(jar, "POST", "/sign-up/email", { email, password: PASSWORD, name });
    return Object.assign(jar, { email, id: body.user.id });
  };
  const signIn = async ({ email }) => { const jar = new Jar(); await w.call(jar, "POST", "/sign-in/email", { email, password: PASSWORD }); return jar; };
  const choose = (options = {}) => w.control("/__options", options);
  const root = new Jar();
  await w.call(root, "POST", "/sign-up/email", { email: "root@further.example.com", password: PASSWORD, name: "root" });
  const credentials = ({ email }) => ({ email, password: PASSWORD });

  // Signed in already.
  const erin = await signUp(), frank = await signUp("frank");
  await post("sign-in-email-same-user-again", ["session.created"], erin, "/sign-in/email", credentials(erin));
  await post("sign-in-email-as-another", ["session.created"], erin.copy(), "/sign-in/email", credentials(frank));
  await post("sign-in-email-wrong-password-signed-in", [], erin, "/sign-in/email", { email: frank.email, password: "nope-nope-nope" });
  await post("sign-up-email-signed-in", ["user.created", "session.created"], erin.copy(), "/sign-up/email", { email: fresh("grace"), password: PASSWORD, name: "grace" });
  await post("update-user-same", [], erin, "/update-user", { name: "erin" });
  await choose({ noJwtHeader: true }); // it holds the whole user, and no client reads a header of 400 kB
  await post("update-user-large-image", ["user.updated"], erin, "/update-user", { image: `data:image/png;base64,${"A".repeat(300_000)}` });
  await post("sign-out-large-image", ["session.revoked"], await signIn(erin), "/sign-out", {});
  await post("update-user-small-image", ["user.updated"], erin, "/update-user", { image: "https://example.com/b.png", username: "erin_1" });
  await choose();
  await post("update-session", [], erin, "/update-session", { theme: "dark" });
  await post("revoke-session-made-up", [], erin, "/revoke-session", { token: "made-up-0123456789-made-up-012345" });
  await post("revoke-session-of-another", [], erin, "/revoke-session", { token: frank.token });
  await signIn(erin);
  await post("revoke-sessions", Array(4).fill("session.revoked"), await signIn(erin), "/revoke-sessions", {});
  const own = await signIn(erin);
  await post("revoke-session-own", ["session.revoked"], own, "/revoke-session", { token: own.token });
  await post("change-password-keeps-sessions", [], frank, "/change-password", { currentPassword: PASSWORD, newPassword: PASSWORD, revokeOtherSessions: false });
  await post("change-password-revokes-three", ["session.revoked", "session.revoked", "session.revoked", "session.created"], await (async () => { await signIn(frank); return frank; })(), "/change-password", { currentPassword: PASSWORD, newPassword: PASSWORD, revokeOtherSessions: true });
  const stale = await signUp("stale");
  await signIn(stale);
  await choose({ freshAge: 0.001 });
  await post("revoke-other-sessions-not-fresh", ["session.revoked"], stale, "/revoke-other-sessions", {}, { untold: "the server lists sessions only to one that is younger than `freshAge` (a day)" });
  await choose();
  const dead = await signUp("dead"), old = dead.copy();
  await w.call(dead, "POST", "/sign-out", {});
  await get("list-sessions-dead-session", [], old.copy(), "/list-sessions");
  await post("update-user-dead-session", [], old.copy(), "/update-user", { name: "ghost" });

  // Links and codes by mail.
  const mail = async (kind, key = "token") => (await w.mail(kind))[key];
  const magic = async (email) => { await w.call(undefined, "POST", "/sign-in/magic-link", { email, name: "magic" }); return mail("magic-link"); };
  const otp = async (email, type) => { await w.call(undefined, "POST", "/email-otp/send-verification-otp", { email, type }); return mail("email-otp", "otp"); };
  const verification = async (jar) => { await w.call(jar, "POST", "/send-verification-email", { email: jar.email }); return mail("verify-email"); };
  const verified = async (name) => { const jar = await signUp(name); await w.call(jar, "GET", `/verify-email?token=${await verification(jar)}`); return jar; };
  const linked = fresh("linked");
  await get("magic-link-verify-redirect", ["user.created", "session.created"], new Jar(), `/magic-link/verify?token=${await magic(linked)}&callbackURL=%2Fwelcome`);
  await get("magic-link-verify-known-user", ["session.created"], new Jar(), `/magic-link/verify?token=${await magic(linked)}&callbackURL=%2Fwelcome`);
  await get("magic-link-verify-bad-token", [], new Jar(), "/magic-link/verify?token=bad&callbackURL=%2Fwelcome");
  const unproven = await signUp("unproven");
  const proven = ["user.updated", "email.verified", "session.created", "session.revoked"];
  await get("magic-link-verify-unproven-user", proven, new Jar(), `/magic-link/verify?token=${await magic(unproven.email)}`, { untold: BULK_BY_PROOF });
  const unproven2 = await signUp("unproven");
  await post("sign-in-email-otp-unproven-user", proven, new Jar(), "/sign-in/email-otp", { email: unproven2.email, otp: await otp(unproven2.email, "sign-in") }, { untold: BULK_BY_PROOF });
  const unproven3 = await signUp("unproven");
  await post("sign-in-email-otp-unproven-self", proven, unproven3, "/sign-in/email-otp", { email: unproven3.email, otp: await otp(unproven3.email, "sign-in") }, { note: "the answer clears the cookie; its body names the new session" });
  const heidi = await signUp("heidi");
  await post("email-otp-verify-email", ["user.updated", "email.verified"], heidi, "/email-otp/verify-email", { email: heidi.email, otp: await otp(heidi.email, "email-verification") });
  const ivan = await signUp("ivan");
  await post("email-otp-verify-email-signed-out", ["user.updated", "email.verified"], new Jar(), "/email-otp/verify-email", { email: ivan.email, otp: await otp(ivan.email, "email-verification") });
  const judy = await signUp("judy");
  await get("verify-email-signed-out", ["user.updated", "email.verified"], new Jar(), `/verify-email?token=${await verification(judy)}&callbackURL=%2Fwelcome`, { untold: NOT_THE_CALLER });
  const kim = await signUp("kim");
  await get("verify-email-signed-in-as-another", ["user.updated", "email.verified"], heidi, `/verify-email?token=${await verification(kim)}`, { untold: NOT_THE_CALLER });
  await choose({ autoSignInAfterVerification: true });
  const lena = await signUp("lena"), mike = await signUp("mike"), nora = await signUp("nora");
  await get("verify-email-signs-in", ["user.updated", "email.verified", "session.created"], new Jar(), `/verify-email?token=${await verification(lena)}`);
  await get("verify-email-auto-signed-in", ["user.updated", "email.verified"], mike, `/verify-email?token=${await verification(mike)}`);
  await post("email-otp-verify-email-signs-in", ["user.updated", "email.verified", "session.created"], nora, "/email-otp/verify-email", { email: nora.email, otp: await otp(nora.email, "email-verification") });
  await choose();
  const reset = async (email) => { await w.call(undefined, "POST", "/email-otp/request-password-reset", { email }); return mail("email-otp", "otp"); };
  await post("email-otp-reset-password", ["user.updated", "email.verified", "password.reset"], new Jar(), "/email-otp/reset-password", { email: frank.email, otp: await reset(frank.email), password: PASSWORD }, { untold: NOT_THE_CALLER });
  await choose({ revokeSessionsOnPasswordReset: true });
  await w.call(undefined, "POST", "/request-password-reset", { email: frank.email });
  await post("reset-password-revokes-sessions", ["password.reset", "session.revoked"], new Jar(), "/reset-password", { newPassword: PASSWORD, token: await mail("reset-password") }, { untold: NOT_THE_CALLER });
  await choose();
  const otto = await signUp("otto");
  await w.call(otto, "POST", "/change-email", { newEmail: fresh("otto") });
  await get("change-email-link", ["user.updated"], otto, `/verify-email?token=${await mail("verify-email")}`);
  const pat = await verified("pat");
  await w.call(pat, "POST", "/change-email", { newEmail: fresh("pat") });
  await get("change-email-confirmation", [], pat, `/verify-email?token=${await mail("change-email")}`);
  await get("change-email-link-signed-out", ["user.updated"], new Jar(), `/verify-email?token=${await mail("verify-email")}`, { also: ["email.verified"] });
  await choose({ updateEmailWithoutVerification: true });
  await post("change-email-at-once", ["user.updated"], await signUp("quinn"), "/change-email", { newEmail: fresh("quinn") });
  await choose();
  const rita = await signUp("rita"), newEmail = fresh("rita");
  await w.call(rita, "POST", "/email-otp/request-email-change", { newEmail });
  await post("email-otp-change-email", ["user.updated", "email.verified"], rita, "/email-otp/change-email", { newEmail, otp: await mail("email-otp", "otp") });
  await choose({ sendDeleteAccountVerification: true });
  const sam = await signUp("sam"), tess = await signUp("tess");
  await post("delete-user-asks", [], sam, "/delete-user", {});
  await get("delete-user-link", ["user.deleted", "session.revoked"], sam, `/delete-user/callback?token=${await mail("delete-user")}&callbackURL=%2Fbye`);
  await w.call(tess, "POST", "/delete-user", {});
  await post("delete-user-token", ["user.deleted", "session.revoked"], tess, "/delete-user", { token: await mail("delete-user") });
  await choose();

  // Identity providers.
  const start = async (jar, path, body) => new URL((await w.call(jar, "POST", path, { callbackURL: "/done", ...body })).body.url).searchParams.get("state");
  const profile = (name, email = fresh(name)) => ({ sub: name, email, name, email_verified: true });
  const callback = async (name, events, jar, who, path = "/sign-in/social") => get(name, events, jar, `/callback/loopback?code=${b64(who)}&state=${encodeURIComponent(await start(jar, path, { provider: "loopback" }))}`);
  const uma = profile("uma");
  await callback("oauth-callback", ["user.created", "session.created"], new Jar(), uma);
  await callback("oauth-callback-known-user", ["session.created"], new Jar(), uma);
  await callback("oauth-callback-signed-in", ["user.created", "session.created"], await signUp("vera"), profile("wim"));
  await callback("oauth-callback-links", [], await signUp("xena"), profile("other"), "/link-social");
  await get("oauth-callback-bad-state", [], new Jar(), "/callback/loopback?code=x&state=bad");
  const google = async (who) => (await (await fetch(`${w.origin}/__idp/google?profile=${b64(who)}`)).json()).id_token;
  await post("sign-in-social-id-token", ["user.created", "session.created"], new Jar(), "/sign-in/social", { provider: "google", idToken: { token: await google(profile("yan")) } });
  await post("one-tap-callback", ["user.created", "session.created"], new Jar(), "/one-tap/callback", { idToken: await google(profile("zoe")) });
  await choose({ oauthProxy: true });
  for (const path of ["/callback/loopback/oauth-proxy", "/oauth-proxy-callback"]) {
    const jar = new Jar(), state = await start(jar, "/sign-in/social", { provider: "loopback" });
    const back = await w.call(jar, "GET", `/callback/loopback?code=${b64(profile(path.length % 2 ? "ada" : "bea"))}&state=${encodeURIComponent(state)}`);
    await get(path.startsWith("/callback") ? "oauth-proxy-completion" : "oauth-proxy-callback", ["user.created", "session.created"], jar, `${path}${new URL(back.headers.get("location")).search}`);
  }
  await choose();
  const idp = `${w.origin}/__idp`;
  await w.call(root, "POST", "/sso/register", {
    providerId: "corp", issuer: idp, domain: "corp.example.com",
    oidcConfig: { clientId: "client", clientSecret: "secret", skipDiscovery: true, authorizationEndpoint: `${idp}/authorize`, tokenEndpoint: `${idp}/token`, jwksEndpoint: `${idp}/jwks`, userInfoEndpoint: `${idp}/userinfo`, pkce: true },
  });
  for (const [name, path] of [["sso-callback", "/sso/callback/corp"], ["sso-callback-shared", "/sso/callback"]]) {
    const jar = new Jar(), state = await start(jar, "/sign-in/sso", { providerId: "corp" });
    await get(name, ["user.created", "session.created"], jar, `${path}?code=${b64(profile(name, `${name}@corp.example.com`))}&state=${encodeURIComponent(state)}`);
  }
  const saml = new SamlProvider(w.origin, "paper"), form = { "content-type": "application/x-www-form-urlencoded" };
  await w.call(root, "POST", "/sso/register", saml.registration);
  const login = async (jar, email) => saml.login((await w.call(jar, "POST", "/sign-in/sso", { providerId: "paper", callbackURL: "/done" })).body.url, email);
  const tom = new Jar();
  await post("sso-saml-acs", ["user.created", "session.created"], tom, "/sso/saml2/sp/acs/paper", await login(tom, "tom@paper.example.com"), {}, form);
  await get("sso-saml-acs-redirect", [], tom, "/sso/saml2/sp/acs/paper");
  await get("sso-saml-slo", ["session.revoked"], tom, `/sso/saml2/sp/slo/paper${saml.logout("tom@paper.example.com", "redirect")}`);
  await w.call(tom, "POST", "/sso/saml2/sp/acs/paper", await login(tom, "tom@paper.example.com"), form);
  await post("sso-saml-slo-form", ["session.revoked"], tom, "/sso/saml2/sp/slo/paper", saml.logout("tom@paper.example.com", "post"), {}, form);
  await post("sso-saml-logout", ["session.revoked"], await signUp("ulf"), "/sso/saml2/logout/paper", {});

  // Other plugins' ways to sign in.
  const phone = async (phoneNumber, jar) => { await w.call(jar, "POST", "/phone-number/send-otp", { phoneNumber }); return { phoneNumber, code: await mail("phone-otp", "code") }; };
  await post("phone-number-verify", ["user.created", "session.created"], new Jar(), "/phone-number/verify", await phone("+15550100001"), { also: ["user.updated"], note: "only updatedAt differs" });
  await post("phone-number-verify-known-user", ["session.created"], new Jar(), "/phone-number/verify", await phone("+15550100001"), { also: ["user.updated"], note: "only updatedAt differs" });
  await post("phone-number-verify-without-session", [], new Jar(), "/phone-number/verify", { ...await phone("+15550100001"), disableSession: true }, { also: ["user.updated"], note: "only updatedAt differs" });
  const carla = await signUp("carla");
  await post("phone-number-verify-update", ["user.updated"], carla, "/phone-number/verify", { ...await phone("+15550100002", carla), updatePhoneNumber: true });
  await post("sign-in-phone-number", ["session.created"], new Jar(), "/sign-in/phone-number", { phoneNumber: "+15550100002", password: PASSWORD });
  await w.call(undefined, "POST", "/phone-number/request-password-reset", { phoneNumber: "+15550100002" });
  await post("phone-number-reset-password", [], new Jar(), "/phone-number/reset-password", { phoneNumber: "+15550100002", otp: await mail("phone-reset", "code"), newPassword: PASSWORD }, { also: ["password.reset"], note: "neither the caller nor the answer is the user" });
  const siwe = async () => {
    const { body: { nonce } } = await w.call(undefined, "POST", "/siwe/nonce", {});
    const message = ["127.0.0.1 wants you to sign in with your Ethereum account:", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "", "Sign in", "", `URI: ${w.origin}`, "Version: 1", "Chain ID: 1", `Nonce: ${nonce}`, `Issued At: ${new Date().toISOString()}`].join("\n");
    return { message, signature: "0xsigned" };
  };
  await post("siwe-verify", ["user.created", "session.created"], new Jar(), "/siwe/verify", await siwe());
  await post("siwe-verify-known-user", ["session.created"], new Jar(), "/siwe/verify", await siwe());
  const dana = await signUp("dana"), key = new Authenticator(w.origin), key2 = new Authenticator(w.origin);
  const registration = async (authenticator) => authenticator.register((await w.call(dana, "GET", "/passkey/generate-register-options")).body);
  await post("passkey-verify-registration", [], dana, "/passkey/verify-registration", { response: await registration(key) });
  await post("passkey-verify-registration-signs-in", ["session.created"], dana, "/passkey/verify-registration", { response: await registration(key2), createSession: true });
  const guest = new Jar();
  const options = (await w.call(guest, "GET", "/passkey/generate-authenticate-options")).body;
  await post("passkey-verify-authentication", ["session.created"], guest, "/passkey/verify-authentication", { response: key.authenticate(options) });
  const once = async () => ({ token: (await w.call(dana, "GET", "/one-time-token/generate")).body.token });
  await post("one-time-token-verify", [], new Jar(), "/one-time-token/verify", await once());
  await post("one-time-token-verify-signed-in", [], await signUp("ed"), "/one-time-token/verify", await once());
  const device = (await w.call(undefined, "POST", "/device/code", { client_id: "tv" })).body;
  await w.call(dana, "GET", `/device?user_code=${device.user_code}`);
  await w.call(dana, "POST", "/device/approve", { userCode: device.user_code });
  await post("device-token", ["session.created"], new Jar(), "/device/token", { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: device.device_code, client_id: "tv" });
  const verifier = "a".repeat(64), challenge = crypto.createHash("sha256").update(verifier).digest("base64url");
  const transfer = await w.call(dana, "POST", `/electron/transfer-user?client_id=electron&state=s1&code_challenge=${challenge}&code_challenge_method=S256`, {});
  await post("electron-token", ["session.created"], new Jar(), "/electron/token", { token: transfer.body?.electron_authorization_code, state: "s1", code_verifier: verifier });

  // Two factors.
  const finn = await signUp("finn");
  await post("two-factor-disable-while-off", ["session.revoked", "session.created"], finn, "/two-factor/disable", { password: PASSWORD });
  await post("two-factor-enable-by-otp", ["two_factor.enabled", "session.revoked", "session.created"], finn, "/two-factor/enable", { password: PASSWORD, method: "otp" }, { also: ["user.updated"] });
  await w.call(finn, "POST", "/two-factor/disable", { password: PASSWORD });
  const { body: { totpURI, backupCodes } } = await w.call(finn, "POST", "/two-factor/enable", { password: PASSWORD });
  await w.call(finn, "POST", "/two-factor/send-otp", {});
  await post("two-factor-verify-otp-enrol", ["two_factor.enabled", "session.revoked", "session.created"], finn, "/two-factor/verify-otp", { code: await mail("2fa-otp", "otp") }, { also: ["user.updated"] });
  const half = finn.copy();
  await w.call(finn, "POST", "/two-factor/verify-totp", { code: totp(totpURI, -1) });
  await post("sign-in-email-two-factor-signed-in", [], half, "/sign-in/email", credentials(finn));
  await post("two-factor-verify-totp", ["session.created"], half, "/two-factor/verify-totp", { code: totp(totpURI) });
  const spare = new Jar();
  await w.call(spare, "POST", "/sign-in/email", credentials(finn));
  await post("two-factor-verify-backup-code", ["session.created"], spare, "/two-factor/verify-backup-code", { code: backupCodes[0] });
  await post("two-factor-generate-backup-codes", [], finn, "/two-factor/generate-backup-codes", { password: PASSWORD });

  // Anonymous users.
  const anonymous = async () => { const jar = new Jar(); await w.call(jar, "POST", "/sign-in/anonymous", {}); return jar; };
  await post("sign-in-anonymous-again", [], await anonymous(), "/sign-in/anonymous", {});
  await post("anonymous-signs-up", ["user.created", "session.created", "user.deleted", "session.revoked"], await anonymous(), "/sign-up/email", { email: fresh("gil"), password: PASSWORD, name: "gil" });
  await post("anonymous-signs-in", ["session.created", "user.deleted", "session.revoked"], await anonymous(), "/sign-in/email", credentials(dana));
  await get("anonymous-follows-a-magic-link", ["user.created", "session.created", "user.deleted", "session.revoked"], await anonymous(), `/magic-link/verify?token=${await magic(fresh("hal"))}&callbackURL=%2Fin`);
  await post("anonymous-verifies-a-wallet", ["session.created"], await anonymous(), "/siwe/verify", await siwe());
  await post("delete-anonymous-user", ["user.deleted", "session.revoked"], await anonymous(), "/delete-anonymous-user", {});
  await post("anonymous-signs-out", ["session.revoked"], await anonymous(), "/sign-out", {});
  await choose({ disableDeleteAnonymousUser: true });
  await post("anonymous-signs-up-and-stays", ["user.created", "session.created"], await anonymous(), "/sign-up/email", { email: fresh("ida"), password: PASSWORD, name: "ida" });
  await choose();

  // Several sessions on one device.
  await choose({ multiSession: true });
  const first = await signUp("jan"), second = await signUp("kai"), before = first.token;
  await post("multi-session-sign-in-another", ["session.created"], first, "/sign-in/email", credentials(second));
  await post("multi-session-sign-in-again", ["session.created", "session.revoked"], first, "/sign-in/email", credentials(second));
  await post("multi-session-set-active", [], first, "/multi-session/set-active", { sessionToken: before });
  const active = first.token, kept = first.copy();
  await post("multi-session-revoke-active", ["session.revoked"], first, "/multi-session/revoke", { sessionToken: active });
  await w.call(first, "POST", "/sign-in/email", credentials(kept.email ? kept : dana));
  await post("multi-session-sign-out", ["session.revoked", "session.revoked"], first, "/sign-out", {}, { note: "ends every session of the device; cookies of the plugin's own name them" });
  const pair = await signUp("leo"), other = await signUp("mia");
  const leo = pair.token;
  await w.call(pair, "POST", "/sign-in/email", credentials(other));
  await post("multi-session-revoke-other", ["session.revoked"], pair, "/multi-session/revoke", { sessionToken: leo }, { note: "the session that ends is another user's" });
  await choose();

  // Administrators.
  const ned = await signUp("ned");
  await post("admin-revoke-user-session-made-up", [], root, "/admin/revoke-user-session", { sessionToken: "made-up-0123456789-made-up-012345" });
  await post("admin-unban-user-not-banned", [], root, "/admin/unban-user", { userId: ned.id });
  await post("admin-revoke-user-sessions-two", ["session.revoked", "session.revoked"], await (async () => { await signIn(ned); return root; })(), "/admin/revoke-user-sessions", { userId: ned.id }, { untold: "an administrator ends the sessions of another, which only a POST lists" });
  await signIn(ned);
  await post("admin-ban-user-signed-in", ["user.banned", "session.revoked"], root, "/admin/ban-user", { userId: ned.id, banReason: "spam" });
  await post("admin-ban-user-again", [], root, "/admin/ban-user", { userId: ned.id, banReason: "spam" });
  await w.call(root, "POST", "/admin/unban-user", { userId: ned.id });
  await signIn(ned);
  await post("admin-update-user-bans", ["user.banned", "session.revoked"], root, "/admin/update-user", { userId: ned.id, data: { banned: true } });
  await post("admin-update-user-unbans", ["user.unbanned"], root, "/admin/update-user", { userId: ned.id, data: { banned: false } });
  await post("admin-set-role-same", [], root, "/admin/set-role", { userId: ned.id, role: "user" });
  await signIn(ned);
  await post("admin-remove-user-signed-in", ["user.deleted", "session.revoked"], root, "/admin/remove-user", { userId: ned.id });
  await post("admin-remove-user-again", [], root, "/admin/remove-user", { userId: ned.id });

  // Organizations.
  const owner = await signUp("owner"), invitee = await signUp("invitee");
  const { body: { id: organizationId } } = await w.call(owner, "POST", "/organization/create", { name: "Beta", slug: "beta" });
  const invitation = async () => ({ invitationId: (await w.call(owner, "POST", "/organization/invite-member", { organizationId, email: invitee.email, role: "member" })).body.id });
  const cancelled = await invitation();
  await w.call(owner, "POST", "/organization/cancel-invitation", cancelled);
  await post("organization-cancel-invitation-again", [], owner, "/organization/cancel-invitation", cancelled);
  const accepted = await invitation();
  await w.call(invitee, "POST", "/organization/accept-invitation", accepted);
  await post("organization-set-active-none", [], invitee, "/organization/set-active", { organizationId: null });
  const { body: team } = await w.call(owner, "POST", "/organization/create-team", { organizationId, name: "Gamma" });
  await w.call(owner, "POST", "/organization/set-active", { organizationId });
  await w.call(owner, "POST", "/organization/add-team-member", { teamId: team.id, userId: owner.id });
  await post("organization-set-active-team", [], owner, "/organization/set-active-team", { teamId: team.id });

  // Choices of the server.
  await choose({ noSession: true });
  await post("sign-up-email-without-session", ["user.created"], new Jar(), "/sign-up/email", { email: fresh("olga"), password: PASSWORD, name: "olga" }, { untold: "an address that is taken gets the same answer; `dangerous_sign_ups_without_session` is off" });
  await post("sign-up-email-without-session-taken", [], new Jar(), "/sign-up/email", { ...credentials(owner), name: "taken" });
  await choose({ lastLoginMethod: true });
  await post("sign-in-email-noted", ["session.created", "user.updated"], new Jar(), "/sign-in/email", credentials(owner));
  await choose({ customPrefix: true });
  const prefixed = new Jar();
  await post("sign-in-email-custom-prefix", ["session.created"], prefixed, "/sign-in/email", credentials(owner));
  await post("sign-out-custom-prefix", ["session.revoked"], prefixed, "/sign-out", {});
  await choose({ cookieCache: true });
  const cached = await signUp("peg");
  await post("update-user-cookie-cache", ["user.updated"], cached, "/update-user", { name: "Peg" });
  await post("sign-out-cookie-cache", ["session.revoked"], cached, "/sign-out", {});
  await choose();

  // Sign-out by an OpenID client, and provisioning.
  const ray = await signUp("ray"), page = { accept: "text/html" };
  await get("oauth2-end-session", [], ray, "/oauth2/end-session", {}, page);
  await post("oauth2-end-session-form", [], ray, "/oauth2/end-session", "", {}, { ...page, "content-type": "application/x-www-form-urlencoded" });
  await post("oauth2-end-session-confirm", ["session.revoked"], ray, "/oauth2/end-session/confirm", "action=confirm", {}, { ...page, "content-type": "application/x-www-form-urlencoded" });
  const scim = { authorization: "Bearer scim-token-of-the-hr-system", "content-type": "application/scim+json" };
  const untold = "the provisioning system is not a user, and a resource's id is not the user's";
  const person = { schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"], userName: "sue@example.com", name: { formatted: "Sue" }, emails: [{ value: "sue@example.com", primary: true }] };
  const { body: { id: scimId } } = await post("scim-create-user", ["user.created"], undefined, "/scim/v2/Users", person, { untold }, scim);
  await w.way("scim-replace-user", ["user.updated"], { untold }, undefined, "PUT", `/scim/v2/Users/${scimId}`, { ...person, name: { formatted: "Susan" } }, scim);
  await w.way("scim-patch-user", [], {}, undefined, "PATCH", `/scim/v2/Users/${scimId}`, { schemas: ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], Operations: [{ op: "replace", path: "active", value: false }] }, scim);
  await w.way("scim-delete-user", [], {}, undefined, "DELETE", `/scim/v2/Users/${scimId}`, undefined, scim);
}
