-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE tas_inbox (
    -- Never given out twice: names refer to it.
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT    NOT NULL UNIQUE,
    -- The receiver's name.
    source       TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'leased', 'done', 'failed')),
    -- When a worker may take it: the next run's time while pending, the lease's end while leased.
    due_at       INTEGER,
    attempt      INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    -- Counts leases; a lease whose token is not this number has been lost.
    fence        INTEGER NOT NULL DEFAULT 0 CHECK (fence >= 0),
    -- For how many milliseconds after its end it is known by its names.
    keep         INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    ended_at     INTEGER,
    -- How the last run that failed did.
    failure      TEXT,
    status       INTEGER,
    -- The request; erased once it is done.
    head         BLOB,
    body         BLOB,
    CHECK ((state IN ('pending', 'leased')) = (due_at IS NOT NULL)),
    CHECK ((due_at IS NULL) = (ended_at IS NOT NULL)),
    CHECK ((state = 'done') = (head IS NULL)),
    CHECK ((head IS NULL) = (body IS NULL))
) STRICT;

CREATE INDEX tas_inbox_due ON tas_inbox (source, due_at) WHERE due_at IS NOT NULL;

-- For leases that lapsed, each time before others are given: what waits is not looked through.
CREATE INDEX tas_inbox_leased ON tas_inbox (source, due_at) WHERE state = 'leased';

-- For those that a clock that was ahead has dated.
CREATE INDEX tas_inbox_untried
    ON tas_inbox (source, due_at) WHERE attempt = 0 AND due_at IS NOT NULL;

CREATE INDEX tas_inbox_ended ON tas_inbox (source, ended_at) WHERE ended_at IS NOT NULL;

CREATE INDEX tas_inbox_failed ON tas_inbox (source, id) WHERE state = 'failed';

CREATE TABLE tas_inbox_names (
    key      BLOB    NOT NULL,
    -- 0: a name of a message. 1: an id that is not authentic; blocks nothing.
    kind     INTEGER NOT NULL CHECK (kind IN (0, 1)),
    message  INTEGER NOT NULL,
    -- 64 bits of the body's digest.
    body     INTEGER NOT NULL,
    PRIMARY KEY (key, kind)
) STRICT, WITHOUT ROWID;

-- For pruning.
CREATE INDEX tas_inbox_names_message ON tas_inbox_names (message);
