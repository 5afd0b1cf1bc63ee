// Records every way with a live server into tests/data/better-auth:
//   bash tests/interop/run.sh record
// Each exchange is kept with the caller's session before and after it and his sessions before it. What a cookie or a header
// holds is taken out; ports become PORT. Says where the events of a way are not what the server's own rows say.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Client, sleep, start } from "./client.mjs";
import { recorded } from "./recorded.mjs";
import { further } from "./further.mjs";
import { changes } from "./rows.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = path.resolve(process.env.DATA ?? path.join(here, "../data/better-auth"));
const { url, stop } = await start(process.execPath, [process.env.SERVER ?? path.join(here, "server.mjs")]);
const client = new Client(url);
const LOOK = "?disableCookieCache=true&disableRefresh=true";
const BAN = { "user.banned": "user.updated", "user.unbanned": "user.updated" };
const UNTOLD_HEADERS = new Set(["connection", "keep-alive"]);
const SECRET_HEADERS = new Set(["authorization", "set-auth-token", "set-auth-jwt"]);

const hide = (text) => text.replaceAll(url, "http://127.0.0.1:PORT").replaceAll(encodeURIComponent(url), encodeURIComponent("http://127.0.0.1:PORT"));
const look = async (jar, headers, path) => { const { status, body } = await client.call(jar?.copy(), "GET", path + LOOK, undefined, headers); return status === 200 ? body : null; };
const pairs = (headers) => [...headers].filter(([name]) => !UNTOLD_HEADERS.has(name)).map(([name, value]) => [name, SECRET_HEADERS.has(name) ? value.replace(/^(Bearer )?.*/s, "$1REDACTED") : name === "set-cookie" ? value.replace(/^([^=]+)=[^;]+/, "$1=REDACTED") : value]);
const written = [];

async function way(name, events, more, jar, method, path, body, headers = {}) {
  const before = await client.control("/__db"), credentials = jar?.copy();
  const session_before = await look(credentials, headers, "/get-session");
  const sessions_before = await look(credentials, headers, "/list-sessions");
  const answer = await client.call(jar, method, path, body, headers);
  const session_after = await look(jar, headers, "/get-session");
  const number = String(written.length + 1).padStart(2, "0"), file = `${number}-${name}.json`;
  const exchange = {
    name, events, ...(more.also ? { also: more.also } : {}), ...(more.note ? { note: more.note } : {}), ...(more.untold ? { untold: more.untold } : {}),
    request: {
      method, path: `/api/auth${path}`, headers: pairs(Object.entries(answer.sent)), cookies: Object.keys(answer.cookies),
      ...(body === undefined ? {} : typeof body === "string" ? { text: body } : { body }),
    },
    response: { status: answer.status, headers: pairs(answer.headers), ...(answer.body === undefined ? { text: answer.text } : { body: answer.body }) },
    session_before, session_after, sessions_before,
  };
  fs.writeFileSync(`${folder}/${file}`, `${hide(JSON.stringify(exchange, null, 2))}\n`);
  written.push({ file, method, path: exchange.request.path.split("?")[0], status: answer.status, events, ...(more.also ? { also: more.also } : {}) });
  const happened = changes(before, await client.control("/__db")).map((it) => it.type).sort().join();
  const about = /^(session\.|user\.(created|updated|deleted)|email\.|two_factor\.)/;
  const told = events.map((it) => BAN[it] ?? it).filter((it) => about.test(it)).sort().join();
  if (told !== happened) console.log(`${file}: events [${events}]${more.also ? ` also [${more.also}]` : ""}, rows say [${happened}]`);
  return answer;
}

async function mail(kind) {
  for (let tries = 0; tries < 100; tries++) {
    const found = (await client.control("/__outbox")).reverse().find((it) => it.kind === kind);
    if (found) return found;
    await sleep(20);
  }
  throw new Error(`no mail of kind ${kind}`);
}

const world = { origin: url, way, mail, call: (...call) => client.call(...call), control: (...call) => client.control(...call) };
for (const old of fs.readdirSync(folder)) if (/^\d/.test(old)) fs.rmSync(`${folder}/${old}`);
await recorded(world);
await further(world);
const lock = JSON.parse(fs.readFileSync(path.join(here, "package.json"), "utf8"));
fs.writeFileSync(`${folder}/index.json`, `${JSON.stringify({ versions: lock.dependencies, node: process.versions.node, exchanges: written }, null, 1)}\n`);
console.log(`${written.length} exchanges recorded`);
stop();
