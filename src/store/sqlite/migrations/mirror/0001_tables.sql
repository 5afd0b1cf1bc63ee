-- Times are milliseconds since 1970-01-01T00:00:00Z. `data` is all that is known as a JSON object,
-- the columns beside it what most queries ask for; `versions` holds what the fields were told, and how new that is. `…_by_server` is by the clock of the auth server,
-- `…_by_sender` by that of the sender of the events.

CREATE TABLE auth_users (
    id                  TEXT    NOT NULL PRIMARY KEY,
    email               TEXT,
    email_verified      INTEGER CHECK (email_verified IN (0, 1)),
    name                TEXT,
    username            TEXT,
    image               TEXT,
    role                TEXT,
    banned              INTEGER CHECK (banned IN (0, 1)),
    ban_expires         INTEGER,
    two_factor_enabled  INTEGER CHECK (two_factor_enabled IN (0, 1)),
    created_at          INTEGER,
    updated_at          INTEGER,
    -- By a ban: sessions opened until then are over.
    sessions_ended_by_server  INTEGER,
    sessions_ended_by_sender  INTEGER,
    data                TEXT    NOT NULL,
    versions            TEXT    NOT NULL
) STRICT;

CREATE INDEX auth_users_email ON auth_users (email);

CREATE TABLE auth_sessions (
    handle                  TEXT    NOT NULL PRIMARY KEY,
    id                      TEXT,
    -- No foreign key: a session may be told of before its user.
    user_id                 TEXT,
    expires_at              INTEGER,
    ip_address              TEXT,
    user_agent              TEXT,
    impersonated_by         TEXT,
    active_organization_id  TEXT,
    created_at              INTEGER,
    updated_at              INTEGER,
    -- The earliest `createdAt`, and when the first event about the session happened.
    opened_by_server        INTEGER,
    opened_by_sender        INTEGER NOT NULL,
    data                    TEXT    NOT NULL,
    versions                TEXT    NOT NULL
) STRICT;

CREATE INDEX auth_sessions_user ON auth_sessions (user_id);

CREATE TABLE auth_tombstones (
    kind  TEXT NOT NULL CHECK (kind IN ('user', 'session')),
    id    TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
