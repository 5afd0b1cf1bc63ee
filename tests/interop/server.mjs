// A Better Auth server on loopback with every plugin that it ships, its data in memory.
//   node server.mjs [PORT]     (0 = any; prints "listening http://127.0.0.1:PORT")
// Mail is not sent, and an identity provider of its own answers under /__idp:
//   GET  /__outbox    what would have been sent since the last call
//   GET  /__db        users and sessions as they are stored
//   GET  /__routes    the server's own list of endpoints
//   GET  /__log       requests under /api/auth since the last call
//   POST /__options   other choices of the server (see OPTIONS), the data stays
// Stop with SIGTERM.
import http from "node:http";
import crypto from "node:crypto";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { getAuthTables } from "better-auth/db";
import { toNodeHandler } from "better-auth/node";
import {
  admin, anonymous, bearer, deviceAuthorization, emailOTP, genericOAuth, jwt, lastLoginMethod, magicLink, multiSession, oAuthProxy,
  oauthPopup, oneTap, oneTimeToken, openAPI, organization, phoneNumber, siwe, twoFactor, username,
} from "better-auth/plugins";
import { apiKey } from "@better-auth/api-key";
import { electron } from "@better-auth/electron";
import { expo } from "@better-auth/expo";
import { i18n } from "@better-auth/i18n";
import { oauthProvider } from "@better-auth/oauth-provider";
import { passkey } from "@better-auth/passkey";
import { scim } from "@better-auth/scim";
import { sso } from "@better-auth/sso";

// Choices that change what a route does; each is off unless POST /__options turns it on.
const OPTIONS = {
  autoSignInAfterVerification: false, revokeSessionsOnPasswordReset: false, updateEmailWithoutVerification: false,
  sendDeleteAccountVerification: false, disableDeleteAnonymousUser: false, lastLoginMethod: false, freshAge: undefined,
  multiSession: false, oauthProxy: false, noSession: false, noJwtHeader: false, customPrefix: false, cookieCache: false,
};

const outbox = [], log = [], db = {};
const secret = crypto.randomBytes(32).toString("hex");
const send = (kind, to, more) => { outbox.push({ kind, to, ...more }); };

function options(base, on) {
  return {
    appName: "Interop",
    baseURL: base,
    secret,
    database: memoryAdapter(db),
    telemetry: { enabled: false },
    logger: { level: process.env.LOG ?? "error" },
    rateLimit: { enabled: false },
    advanced: on.customPrefix ? { cookiePrefix: "acme" } : {},
    session: {
      additionalFields: { theme: { type: "string", required: false } },
      ...(on.freshAge === undefined ? {} : { freshAge: on.freshAge }),
      ...(on.cookieCache ? { cookieCache: { enabled: true, maxAge: 300 } } : {}),
    },
    emailAndPassword: {
      enabled: true,
      autoSignIn: !on.noSession,
      revokeSessionsOnPasswordReset: on.revokeSessionsOnPasswordReset,
      sendResetPassword: async ({ user, token }) => send("reset-password", user.email, { token }),
    },
    emailVerification: {
      autoSignInAfterVerification: on.autoSignInAfterVerification,
      sendVerificationEmail: async ({ user, token }) => send("verify-email", user.email, { token }),
    },
    account: { accountLinking: { enabled: true, trustedProviders: ["loopback", "google"], allowDifferentEmails: true } },
    socialProviders: { google: { clientId: "google-client", clientSecret: "google-secret" } },
    user: {
      deleteUser: {
        enabled: true,
        ...(on.sendDeleteAccountVerification ? { sendDeleteAccountVerification: async ({ user, token }) => send("delete-user", user.email, { token }) } : {}),
      },
      changeEmail: {
        enabled: true,
        updateEmailWithoutVerification: on.updateEmailWithoutVerification,
        sendChangeEmailConfirmation: async ({ user, newEmail, token }) => send("change-email", user.email, { newEmail, token }),
      },
    },
    plugins: [
      jwt({ disableSettingJwtHeader: on.noJwtHeader }), bearer(), username(), admin(), apiKey({ rateLimit: { enabled: false } }), openAPI(),
      anonymous({ disableDeleteAnonymousUser: on.disableDeleteAnonymousUser }),
      organization({
        teams: { enabled: true }, dynamicAccessControl: { enabled: false },
        sendInvitationEmail: async ({ id, email }) => send("invitation", email, { id }),
      }),
      twoFactor({ otpOptions: { sendOTP: async ({ user, otp }) => send("2fa-otp", user.email, { otp }) } }),
      magicLink({ sendMagicLink: async ({ email, token }) => send("magic-link", email, { token }) }),
      emailOTP({
        changeEmail: { enabled: true },
        sendVerificationOTP: async ({ email, otp, type }) => send("email-otp", email, { otp, type }),
      }),
      phoneNumber({
        sendOTP: async ({ phoneNumber, code }) => send("phone-otp", phoneNumber, { code }),
        sendPasswordResetOTP: async ({ phoneNumber, code }) => send("phone-reset", phoneNumber, { code }),
        signUpOnVerification: { getTempEmail: (number) => `${number.slice(1)}@phone.example.com`, getTempName: (number) => number },
      }),
      siwe({ domain: "127.0.0.1", getNonce: async () => crypto.randomBytes(12).toString("hex"), verifyMessage: async ({ signature }) => signature === "0xsigned" }),
      deviceAuthorization({ schema: {}, verificationUri: "/device" }),
      oneTimeToken(), oauthPopup(),
      oAuthProxy(on.oauthProxy ? { productionURL: base.replace("127.0.0.1", "localhost"), currentURL: base } : {}), oneTap({ clientId: "google-client" }),
      ...(on.multiSession ? [multiSession()] : []),
      ...(on.lastLoginMethod ? [lastLoginMethod({ storeInDatabase: true })] : []),
      genericOAuth({ config: [{
        providerId: "loopback", clientId: "client", clientSecret: "secret", pkce: true, scopes: ["openid"],
        authorizationUrl: `${base}/__idp/authorize`, tokenUrl: `${base}/__idp/token`, userInfoUrl: `${base}/__idp/userinfo`,
      }] }),
      passkey({ rpID: "127.0.0.1", origin: base }),
      electron(), expo(), i18n({ translations: { en: {} }, defaultLocale: "en" }),
      oauthProvider({ loginPage: "/login", consentPage: "/consent", silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true } }),
      sso({ saml: { enableSingleLogout: true } }), scim({ connections: [{ id: "hr", credentials: [{ id: "first", token: "scim-token-of-the-hr-system" }] }] }),
    ],
    databaseHooks: { user: { create: { before: async (u) => ({ data: u.email?.startsWith("root@") ? { ...u, role: "admin" } : u }) } } },
  };
}

const idpKey = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
const b64 = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
function idToken(claims) {
  const head = b64({ alg: "RS256", kid: "idp", typ: "JWT" }) + "." + b64({ iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 600, ...claims });
  return head + "." + crypto.sign("sha256", Buffer.from(head), idpKey.privateKey).toString("base64url");
}
const jwks = { keys: [{ ...idpKey.publicKey.export({ format: "jwk" }), kid: "idp", alg: "RS256", use: "sig" }] };

// The code and the access token are the profile itself.
function idp(base, url, body, headers) {
  const profile = (text) => JSON.parse(Buffer.from(text, "base64url").toString());
  switch (url.pathname) {
    case "/__idp/token": {
      const code = new URLSearchParams(body).get("code"), claims = profile(code);
      return { access_token: code, token_type: "Bearer", expires_in: 3600, refresh_token: code, id_token: idToken({ iss: `${base}/__idp`, aud: "client", ...claims }) };
    }
    case "/__idp/userinfo": return profile(headers.authorization.slice("Bearer ".length));
    case "/__idp/jwks": return jwks;
    case "/__idp/.well-known/openid-configuration": return {
      issuer: `${base}/__idp`, authorization_endpoint: `${base}/__idp/authorize`, token_endpoint: `${base}/__idp/token`,
      userinfo_endpoint: `${base}/__idp/userinfo`, jwks_uri: `${base}/__idp/jwks`, token_endpoint_auth_methods_supported: ["client_secret_basic"],
      response_types_supported: ["code"], subject_types_supported: ["public"], id_token_signing_alg_values_supported: ["RS256"],
    };
    case "/__idp/google": return { id_token: idToken({ iss: "https://accounts.google.com", aud: "google-client", ...profile(url.searchParams.get("profile")) }) };
    default: return undefined;
  }
}

// Google's keys are the identity provider's own.
const fetchFromNetwork = globalThis.fetch;
globalThis.fetch = async (input, init) => String(input?.url ?? input).startsWith("https://www.googleapis.com/oauth2/v3/certs") ? Response.json(jwks) : fetchFromNetwork(input, init);

const want = Number(process.argv[2] ?? process.env.PORT ?? 0);
let auth, handler;
const server = http.createServer(async (req, res) => {
  const url = new URL(req.url, base);
  const json = (value, status = 200) => { res.writeHead(status, { "content-type": "application/json" }); res.end(JSON.stringify(value)); };
  if (url.pathname.startsWith("/api/auth")) { log.push({ method: req.method, path: req.url }); handler(req, res); return; }
  const body = await new Promise((done) => { let text = ""; req.on("data", (part) => { text += part; }); req.on("end", () => done(text)); });
  switch (url.pathname) {
    case "/__outbox": return json(outbox.splice(0));
    case "/__log": return json(log.splice(0));
    case "/__db": return json(url.searchParams.get("all") ? db : { user: db.user, session: db.session });
    case "/__routes": {
      const { api } = betterAuth(options(base, { ...OPTIONS, multiSession: true, lastLoginMethod: true }));
      return json(Object.values(api).flatMap(({ path, options: { method } }) => path ? [method].flat().map((it) => `${it} ${path}`) : []));
    }
    case "/__options": set(body ? JSON.parse(body) : {}); return json({});
    default: { const answer = idp(base, url, body, req.headers); return answer ? json(answer) : json({}, 404); }
  }
});
let base;
function set(on) {
  const chosen = options(base, { ...OPTIONS, ...on });
  for (const table of Object.values(getAuthTables(chosen))) db[table.modelName] ??= [];
  auth = betterAuth(chosen);
  handler = toNodeHandler(auth);
}
server.listen(want, "127.0.0.1", () => {
  base = `http://127.0.0.1:${server.address().port}`;
  set({});
  console.log(`listening ${base}`);
});
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => { server.close(); server.closeAllConnections(); process.exit(0); });
