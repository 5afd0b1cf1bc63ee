// What the scripts share: a client with cookies, a software authenticator, one-time passwords, the server as a child process.
import crypto from "node:crypto";
import http from "node:http";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Starts a program and gives what it prints after "listening ". */
export async function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], ...options });
  process.on("exit", () => child.kill("SIGTERM"));
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("listening ")) return { url: line.slice("listening ".length), stop: () => child.kill("SIGTERM") };
  }
  throw new Error(`${command} ended before it listened`);
}

export class Jar {
  constructor(cookies = {}) { this.cookies = { ...cookies }; }
  copy() { return new Jar(this.cookies); }
  get header() { return Object.entries(this.cookies).map((pair) => pair.join("=")).join("; "); }
  /** The token of the session cookie. */
  get token() {
    const name = Object.keys(this.cookies).find((it) => it.endsWith("session_token"));
    return name && decodeURIComponent(this.cookies[name]).split(".")[0];
  }
  take(headers) {
    for (const line of headers.getSetCookie()) {
      const [pair, ...attributes] = line.split("; "), at = pair.indexOf("=");
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
      if (value === "" || attributes.some((it) => it.toLowerCase() === "max-age=0")) delete this.cookies[name];
      else this.cookies[name] = value;
    }
  }
}

/** Calls under /api/auth at `base`, as a page of `origin` would make them. */
export class Client {
  constructor(base, origin = base) { this.base = base; this.origin = origin; }
  async call(jar, method, path, body, headers = {}) {
    const sent = { ...(body === undefined ? {} : { "content-type": "application/json" }), origin: this.origin, ...headers };
    const cookies = { ...jar?.cookies };
    const answer = await send(this.base + (path.startsWith("/__") ? path : `/api/auth${path}`), method, { ...sent, ...(jar?.header ? { cookie: jar.header } : {}) }, typeof body === "string" ? body : JSON.stringify(body));
    jar?.take(answer.headers);
    return { sent, cookies, status: answer.status, headers: answer.headers, text: answer.text, body: parse(answer.text) };
  }
  async control(path, body) {
    const answer = await fetch(this.origin + path, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) });
    return answer.json();
  }
}

/** Sends the headers as they are: `fetch` adds some that a page that is navigated to does not have. */
function send(url, method, headers, body) {
  return new Promise((done, failed) => {
    const request = http.request(url, { method, headers: { "user-agent": "interop", ...headers } }, (answer) => {
      const all = new Headers(), parts = [];
      for (let at = 0; at < answer.rawHeaders.length; at += 2) all.append(answer.rawHeaders[at], answer.rawHeaders[at + 1]);
      answer.on("data", (part) => parts.push(part)).on("error", failed).on("end", () => done({ status: answer.statusCode, headers: all, text: Buffer.concat(parts).toString() }));
    });
    request.on("error", failed).end(body);
  });
}

function parse(text) { try { return JSON.parse(text); } catch { return undefined; } }
export const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });
export const b64 = (value) => Buffer.from(typeof value === "string" || value instanceof Uint8Array ? value : JSON.stringify(value)).toString("base64url");
const sha256 = (value) => crypto.createHash("sha256").update(value).digest();
export const handle = (token) => sha256(`tower-auth-sync session\0${token}`).toString("base64url");

/** The code of RFC 6238 for an otpauth URI, now or some steps of 30 s from now. */
export function totp(uri, steps = 0) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...new URL(uri).searchParams.get("secret")].map((it) => alphabet.indexOf(it).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((it) => parseInt(it, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = crypto.createHmac("sha1", key).update(step).digest(), at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** A passkey: registers with attestation "none" and signs with ES256. */
export class Authenticator {
  constructor(origin) {
    this.origin = origin;
    this.id = crypto.randomBytes(16);
    this.key = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.count = 0;
  }
  client(type, challenge) { return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false })); }
  data(rpId, flags, more = Buffer.alloc(0)) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(++this.count);
    return Buffer.concat([sha256(rpId), Buffer.from([flags]), count, more]);
  }
  credential(response) { return { id: b64(this.id), rawId: b64(this.id), type: "public-key", clientExtensionResults: {}, response }; }
  register({ challenge, rp }) {
    const { x, y } = this.key.publicKey.export({ format: "jwk" });
    const coordinate = (text) => Buffer.concat([Buffer.from([0x58, 32]), Buffer.from(text, "base64url")]);
    // COSE: {1: 2, 3: -7, -1: 1, -2: x, -3: y}
    const cose = Buffer.concat([Buffer.from([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21]), coordinate(x), Buffer.from([0x22]), coordinate(y)]);
    const authData = this.data(rp.id, 0x45, Buffer.concat([Buffer.alloc(16), Buffer.from([0, this.id.length]), this.id, cose]));
    const text = (it) => Buffer.concat([Buffer.from([0x60 + it.length]), Buffer.from(it)]);
    const attestation = Buffer.concat([Buffer.from([0xa3]), text("fmt"), text("none"), text("attStmt"), Buffer.from([0xa0]), text("authData"), Buffer.from([0x58, authData.length]), authData]);
    return this.credential({ clientDataJSON: b64(this.client("webauthn.create", challenge)), attestationObject: b64(attestation), transports: ["internal"] });
  }
  authenticate({ challenge, rpId }) {
    const client = this.client("webauthn.get", challenge), authData = this.data(rpId, 0x05);
    const signature = crypto.sign("sha256", Buffer.concat([authData, sha256(client)]), this.key.privateKey);
    return this.credential({ clientDataJSON: b64(client), authenticatorData: b64(authData), signature: b64(signature) });
  }
}
