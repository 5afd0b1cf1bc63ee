// What happened, by the rows of users and sessions before and after.

const FIELDS_NOT_TOLD = new Set(["updatedAt"]);
const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** The events about users and sessions that lead from one state to the other. */
export function changes(before, after) {
  const events = [];
  const by = (rows, key) => new Map(rows.map((row) => [row[key], row]));
  const [oldUsers, newUsers] = [by(before.user, "id"), by(after.user, "id")];
  for (const [id, user] of newUsers) {
    const old = oldUsers.get(id);
    if (!old) { events.push({ type: "user.created", user }); continue; }
    const names = new Set([...Object.keys(old), ...Object.keys(user)]);
    const differ = [...names].filter((name) => !FIELDS_NOT_TOLD.has(name) && !same(old[name], user[name]));
    if (differ.length > 0) events.push({ type: "user.updated", user, differ });
    if (!old.emailVerified && user.emailVerified) events.push({ type: "email.verified", user });
    if (Boolean(old.twoFactorEnabled) !== Boolean(user.twoFactorEnabled)) events.push({ type: user.twoFactorEnabled ? "two_factor.enabled" : "two_factor.disabled", user });
  }
  for (const [id, user] of oldUsers) if (!newUsers.has(id)) events.push({ type: "user.deleted", user });
  const [oldSessions, newSessions] = [by(before.session, "token"), by(after.session, "token")];
  for (const [token, session] of newSessions) if (!oldSessions.has(token)) events.push({ type: "session.created", session });
  for (const [token, session] of oldSessions) if (!newSessions.has(token)) events.push({ type: "session.revoked", session });
  return events;
}
