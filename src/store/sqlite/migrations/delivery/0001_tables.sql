-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE tas_endpoints (
    seq                  INTEGER PRIMARY KEY,
    id                   TEXT    NOT NULL UNIQUE,
    url                  TEXT    NOT NULL,
    scheme               TEXT    NOT NULL,
    filter               TEXT    NOT NULL,
    -- A secret is its text as long as its key_id is null, otherwise what that key made of it.
    secret               BLOB    NOT NULL,
    secret_key_id        TEXT,
    previous_secret      BLOB,
    previous_key_id      TEXT,
    previous_not_after   INTEGER,
    disabled_at          INTEGER,
    disabled_because     TEXT,
    -- Since the last success: when the first attempt failed, and how many did.
    failing_since        INTEGER,
    failures             INTEGER NOT NULL DEFAULT 0,
    -- Since the last success: before when the endpoint wants no request.
    not_before           INTEGER,
    created_at           INTEGER NOT NULL,
    CHECK ((disabled_at IS NULL) = (disabled_because IS NULL)),
    CHECK ((previous_secret IS NULL) = (previous_not_after IS NULL)),
    CHECK ((failing_since IS NULL) = (failures = 0)),
    CHECK (not_before IS NULL OR failures > 0)
) STRICT;

CREATE INDEX tas_endpoints_paused ON tas_endpoints (not_before) WHERE not_before IS NOT NULL;

CREATE TABLE tas_events (
    seq              INTEGER PRIMARY KEY,
    id               TEXT    NOT NULL UNIQUE,
    type             TEXT    NOT NULL,
    payload          BLOB    NOT NULL,
    created_at       INTEGER NOT NULL,
    idempotency_key  TEXT
) STRICT;

CREATE UNIQUE INDEX tas_events_idempotency_key
    ON tas_events (idempotency_key) WHERE idempotency_key IS NOT NULL;

-- For pruning.
CREATE INDEX tas_events_created ON tas_events (created_at);

CREATE TABLE tas_deliveries (
    id          TEXT    NOT NULL PRIMARY KEY,
    event       INTEGER NOT NULL REFERENCES tas_events (seq),
    endpoint    INTEGER NOT NULL REFERENCES tas_endpoints (seq),
    state       TEXT    NOT NULL
                CHECK (state IN ('pending', 'leased', 'delivered', 'failed', 'skipped', 'cancelled')),
    -- When a worker may take it: the next attempt's time while pending, the lease's end while leased.
    due_at      INTEGER,
    attempt     INTEGER NOT NULL DEFAULT 0,
    -- Counts leases; a lease whose token is not this number has been lost.
    fence       INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    CHECK ((state IN ('pending', 'leased')) = (due_at IS NOT NULL)),
    CHECK ((due_at IS NULL) = (ended_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX tas_deliveries_event ON tas_deliveries (event, endpoint);

CREATE INDEX tas_deliveries_due
    ON tas_deliveries (endpoint, due_at, event) WHERE due_at IS NOT NULL;

-- For those that a clock that was ahead has dated.
CREATE INDEX tas_deliveries_untried
    ON tas_deliveries (due_at) WHERE attempt = 0 AND due_at IS NOT NULL;

CREATE INDEX tas_deliveries_leased
    ON tas_deliveries (endpoint, due_at) WHERE state = 'leased';

CREATE TABLE tas_attempts (
    delivery     TEXT    NOT NULL REFERENCES tas_deliveries (id),
    fence        INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    duration_ms  INTEGER NOT NULL,
    status       INTEGER,
    failure      TEXT,
    response     BLOB    NOT NULL,
    PRIMARY KEY (delivery, fence)
) STRICT, WITHOUT ROWID;
