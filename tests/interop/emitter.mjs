// Drives every way to change users and sessions through the layer, and compares the mirror with the server after each:
//   bash tests/interop/run.sh emitter
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Client, Jar, handle, sleep, start } from "./client.mjs";
import { recorded } from "./recorded.mjs";
import { further } from "./further.mjs";
import { PASSIVE } from "./passive.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const server = await start(process.execPath, [process.env.SERVER ?? path.join(here, "server.mjs")]);
const proxy = await start(process.env.PROXY, [server.url]);
const client = new Client(proxy.url, server.url);

// Left out of a user: `updatedAt` (the server moves it without a change), `lastLoginMethod` (the mirror has no such field), texts
// over 8 KiB (no payload has them). Left out of a session: `updatedAt`, `activeOrganizationId` and `activeTeamId` (an organization
// chosen is no event), `theme` (a field of this server's own); `ipAddress` and `userAgent` where the answer alone tells of it.
const USER = ["name", "email", "emailVerified", "image", "username", "displayUsername", "phoneNumber", "phoneNumberVerified", "isAnonymous", "role", "banned", "banReason", "banExpires", "twoFactorEnabled", "createdAt"];
const SESSION = ["userId", "expiresAt"];
const SESSION_WHERE_TOLD = ["id", "createdAt", "impersonatedBy", "ipAddress", "userAgent"];
const TIMES = new Set(["createdAt", "expiresAt", "banExpires"]);
const LONGEST_TEXT = 8 * 1024;
const MOST = { session: 2, other: 1 };

const seen = { users: new Set(), sessions: new Set() }, beyond = new Set(), routes = new Set();
const tally = { ways: 0, equal: 0, untold: 0, differ: [] };
let known = { user: [], session: [] };

const plain = (name, value) => value === undefined || value === null ? null : TIMES.has(name) ? new Date(value).getTime() : value;
const post = async (path, body) => fetch(proxy.url + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** The server's rows, sessions by their handles. */
async function rows() {
  const { user, session } = await client.control("/__db");
  return { user, session: session.map(({ token, ...rest }) => ({ handle: handle(token), ...rest })) };
}

/** What the mirror has that the server has not, and the reverse. */
async function differences() {
  const truth = await rows();
  for (const { id } of truth.user) seen.users.add(id);
  for (const it of truth.session) seen.sessions.add(it.handle);
  const answer = await post("/__mirror", { users: [...seen.users], sessions: [...seen.sessions] });
  const mirror = await answer.json(), found = [];
  const compare = (kind, key, fields, whereTold) => {
    const have = new Map(mirror[kind].map((row) => [row[key], row])), want = new Map(truth[kind].map((row) => [row[key], row]));
    for (const [id, row] of want) {
      const copy = have.get(id), name = `${kind} ${row.email ?? id.slice(0, 8)}`;
      if (beyond.has(id)) continue;
      if (!copy) { found.push({ kind, id, row, text: `${name}: is missing` }); continue; }
      const differ = [...fields, ...whereTold.filter((it) => copy[it] !== undefined)].filter((it) => !(typeof row[it] === "string" && row[it].length > LONGEST_TEXT) && plain(it, row[it]) !== plain(it, copy[it]));
      if (differ.length > 0) found.push({ kind, id, row, copy, text: differ.map((it) => `${name}: ${it} expected ${JSON.stringify(row[it])} got ${JSON.stringify(copy[it])}`).join("; ") });
    }
    for (const [id, copy] of have) if (!want.has(id) && !beyond.has(id)) found.push({ kind, id, copy, text: `${kind} ${copy.email ?? id.slice(0, 8)}: is still there` });
  };
  compare("user", "id", USER, []);
  compare("session", "handle", SESSION, SESSION_WHERE_TOLD);
  known = truth;
  return found;
}

/** Tells the mirror what nothing told it, so that the next way begins with equal sides. */
async function putRight(found) {
  const told = found.map(({ kind, id, row, copy }) => {
    const event = row ? (kind === "user" ? (copy ? "user.updated" : "user.created") : "session.created") : `${kind}.${kind === "user" ? "deleted" : "revoked"}`;
    const nulls = kind === "user" && copy ? Object.fromEntries(USER.map((name) => [name, null])) : {};
    const long = (value) => typeof value === "string" && value.length > LONGEST_TEXT;
    const data = row ? Object.fromEntries(Object.entries({ ...nulls, ...row }).filter(([, value]) => !long(value))) : kind === "user" ? { id } : { handle: id, userId: copy.userId };
    return { event, data };
  });
  const answer = await post("/__tell", told);
  if (!answer.ok) throw new Error(`/__tell answered ${answer.status}`);
  await arrived();
  for (const left of await differences()) { beyond.add(left.id); console.log(`    cannot be put right: ${left.text}`); }
}

async function arrived() {
  const answer = await fetch(`${proxy.url}/__events`);
  if (!answer.ok) throw new Error(`/__events answered ${answer.status}: not everything was delivered`);
  return answer.json();
}

/** Makes a call and gives what the layer did beside it. */
async function observed(jar, method, path, body, headers) {
  await client.control("/__log");
  const answer = await client.call(jar, method, path, body, headers);
  const events = await arrived(), log = await client.control("/__log");
  const own = log.findIndex((it) => it.method === method && it.path === `/api/auth${path}`);
  if (own >= 0) log.splice(own, 1);
  const session = log.filter((it) => it.path.startsWith("/api/auth/get-session")).length;
  for (const it of events) {
    if (it.event?.startsWith("user.") && it.data?.id) seen.users.add(it.data.id);
    if (it.data?.handle) seen.sessions.add(it.data.handle);
  }
  const problems = events.filter((it) => String(it.applied).startsWith("refused")).map((it) => `${it.event} was ${it.applied}`);
  if (session > MOST.session || log.length - session > MOST.other) problems.push(`the layer called ${log.map((it) => `${it.method} ${it.path.split("?")[0]}`).join(", ")}`);
  if (answer.status >= 500) problems.push(`status ${answer.status} ${answer.text.slice(0, 200)}`);
  return { answer, events: events.map((it) => it.event), problems, found: await differences() };
}

async function way(name, _events, { untold }, jar, method, path, body, headers) {
  tally.ways++;
  const { answer, events, problems, found } = await observed(jar, method, path, body, headers);
  if (answer.status < 400) routes.add(`${method} ${path.split("?")[0]}`);
  const texts = [...problems, ...found.map((it) => it.text)];
  if (untold && found.length === 0) texts.push("equal, although listed as one that the state cannot tell");
  if (texts.length === 0) tally.equal++;
  else if (untold && problems.length === 0 && found.length > 0) { tally.untold++; console.log(`  ${name}: untold, ${untold}`); }
  else { tally.differ.push(name); console.log(`! ${name} (${method} ${path.split("?")[0]} → ${answer.status}), told [${events}]`); for (const text of texts) console.log(`    ${text}`); }
  if (found.length > 0) await putRight(found);
  return answer;
}

async function call(jar, method, path, body, headers) {
  const { answer, events, problems, found } = await observed(jar, method, path, body, headers);
  const texts = [...problems, ...found.map((it) => it.text)];
  if (texts.length > 0) { tally.differ.push(`between: ${method} ${path.split("?")[0]}`); console.log(`! between ways: ${method} ${path.split("?")[0]} → ${answer.status}, told [${events}]`); for (const text of texts) console.log(`    ${text}`); }
  if (found.length > 0) await putRight(found);
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

const world = { origin: server.url, way, mail, call, control: (...call) => client.control(...call) };
await recorded(world);
await further(world);

const matches = (route, made) => new RegExp(`^${route.replace(/[.|]/g, "\\$&").replace(/:\w+/g, "[^/]+")}$`).test(made);
const all = await client.control("/__routes");
const exact = (route) => [...routes].some((made) => made === route || (matches(route, made) && !all.includes(made)));
const passive = Object.values(PASSIVE).flat();
const forgotten = all.filter((route) => !exact(route) && !passive.includes(route));
const gone = passive.filter((route) => !all.includes(route));
for (const route of forgotten) console.log(`! ${route} is neither driven nor listed`);
for (const route of gone) console.log(`! ${route} is listed, and the server has none`);
console.log(`${all.length} routes, ${all.filter(exact).length} driven, ${passive.length} listed as changing nothing`);
console.log(`${tally.untold} ways that the state cannot tell`);
console.log(`${tally.equal} of ${tally.ways - tally.untold} ways equal`);
server.stop();
proxy.stop();
process.exit(tally.differ.length + forgotten.length + gone.length === 0 ? 0 : 1);
