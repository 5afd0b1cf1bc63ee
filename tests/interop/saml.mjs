// A SAML identity provider: signs answers to sign-ins, and asks for sign-outs. Its key is a test's, in the repository for all to see.
import fs from "node:fs";
import path from "node:path";
import crypto from "node:crypto";
import { fileURLToPath } from "node:url";
import samlify from "samlify";

const here = path.dirname(fileURLToPath(import.meta.url));
const read = (name) => fs.readFileSync(path.join(here, name), "utf8");
samlify.setSchemaValidator({ validate: async () => "valid" });

export class SamlProvider {
  constructor(origin, providerId) {
    this.entityID = `${origin}/__saml`;
    this.acs = `${origin}/api/auth/sso/saml2/sp/acs/${providerId}`;
    this.slo = `${origin}/api/auth/sso/saml2/sp/slo/${providerId}`;
    const bindings = ["HTTP-Redirect", "HTTP-POST"].map((it) => `urn:oasis:names:tc:SAML:2.0:bindings:${it}`);
    const services = bindings.map((Binding) => ({ Binding, Location: `${origin}/__saml` }));
    this.audience = `${origin}/api/auth/sso/saml2/sp/metadata?providerId=${providerId}`;
    this.idp = samlify.IdentityProvider({
      entityID: this.entityID, privateKey: read("saml-key.pem"), signingCert: read("saml-cert.pem"), isAssertionEncrypted: false,
      singleSignOnService: services, singleLogoutService: services,
      loginResponseTemplate: { context: samlify.SamlLib.defaultLoginResponseTemplate.context, attributes: [
        { name: "email", valueTag: "email", nameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:basic", valueXsiType: "xs:string" },
        { name: "displayName", valueTag: "name", nameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:basic", valueXsiType: "xs:string" },
      ] },
    });
    this.sp = samlify.ServiceProvider({
      entityID: this.audience, wantAssertionsSigned: true,
      assertionConsumerService: [{ Binding: bindings[1], Location: this.acs }], singleLogoutService: bindings.map((Binding) => ({ Binding, Location: this.slo })),
    });
    this.registration = {
      providerId, issuer: this.entityID, domain: `${providerId}.example.com`,
      samlConfig: { entryPoint: `${origin}/__saml`, audience: this.audience, wantAssertionsSigned: true, idpMetadata: { metadata: this.idp.getMetadata() }, mapping: { email: "email", name: "displayName" } },
    };
  }

  /** The form that the browser posts after the sign-in that `url` asks for. */
  async login(url, email) {
    const query = Object.fromEntries(new URL(url).searchParams);
    const { extract: { request } } = await this.idp.parseLoginRequest(this.sp, "redirect", { query });
    const now = new Date(), later = new Date(now.getTime() + 300_000);
    const fill = (template) => {
      const id = `_${crypto.randomUUID()}`, values = {
        ID: id, AssertionID: `_${crypto.randomUUID()}`, Destination: this.acs, Audience: this.audience, EntityID: this.audience, SubjectRecipient: this.acs,
        AssertionConsumerServiceURL: this.acs, Issuer: this.entityID, IssueInstant: now.toISOString(), StatusCode: "urn:oasis:names:tc:SAML:2.0:status:Success",
        ConditionsNotBefore: now.toISOString(), ConditionsNotOnOrAfter: later.toISOString(), SubjectConfirmationDataNotOnOrAfter: later.toISOString(),
        NameIDFormat: "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress", NameID: email, InResponseTo: request.id, AuthnStatement: "", attrEmail: email, attrName: email,
      };
      return { id, context: samlify.SamlLib.replaceTagsByValue(template, values) };
    };
    const { context } = await this.idp.createLoginResponse(this.sp, { extract: { request } }, "post", { email }, fill);
    return new URLSearchParams({ SAMLResponse: context, ...(query.RelayState ? { RelayState: query.RelayState } : {}) }).toString();
  }

  /** A request to sign out, for the query or the form. */
  logout(email, binding) {
    const request = this.idp.createLogoutRequest(this.sp, binding, { logoutNameID: email, id: `_${crypto.randomUUID()}` });
    return binding === "redirect" ? new URL(request.context).search : new URLSearchParams({ SAMLRequest: request.context }).toString();
  }
}
