-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE tas_inbox (
    seq          BIGINT   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- In the order of its bytes, which is that of arrival.
    id           TEXT     COLLATE "C" NOT NULL UNIQUE,
    -- The receiver's name.
    source       TEXT     NOT NULL,
    state        TEXT     NOT NULL CHECK (state IN ('pending', 'leased', 'done', 'failed')),
    -- When a worker may take it: the next run's time while pending, the lease's end while leased.
    due_at       BIGINT,
    attempt      BIGINT   NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    -- Counts leases; a lease whose token is not this number has been lost.
    fence        BIGINT   NOT NULL DEFAULT 0 CHECK (fence >= 0),
    -- For how many milliseconds after its end it is known by its names.
    keep         BIGINT   NOT NULL CHECK (keep >= 0),
    received_at  BIGINT   NOT NULL,
    ended_at     BIGINT,
    -- How the last run that failed did.
    failure      TEXT,
    status       INTEGER,
    -- The request; erased once it is done.
    head         BYTEA,
    body         BYTEA,
    CHECK ((state IN ('pending', 'leased')) = (due_at IS NOT NULL)),
    CHECK ((due_at IS NULL) = (ended_at IS NOT NULL)),
    CHECK ((state = 'done') = (head IS NULL)),
    CHECK ((head IS NULL) = (body IS NULL))
);

CREATE INDEX tas_inbox_due ON tas_inbox (source, due_at, seq) WHERE due_at IS NOT NULL;

-- For leases that lapsed, each time before others are given: what waits is not looked through.
CREATE INDEX tas_inbox_leased ON tas_inbox (source, due_at) WHERE state = 'leased';

-- For those that a clock that was ahead has dated.
CREATE INDEX tas_inbox_untried
    ON tas_inbox (source, due_at) WHERE attempt = 0 AND due_at IS NOT NULL;

CREATE INDEX tas_inbox_ended ON tas_inbox (source, ended_at) WHERE ended_at IS NOT NULL;

CREATE INDEX tas_inbox_failed ON tas_inbox (source, id) WHERE state = 'failed';

CREATE TABLE tas_inbox_names (
    key      BYTEA    NOT NULL,
    -- 0: a name of a message. 1: an id that is not authentic; blocks nothing.
    kind     SMALLINT NOT NULL CHECK (kind IN (0, 1)),
    -- No foreign key: what deletes a message locks its names in their order. A name without its
    -- message blocks whatever has that name for ever: delete both together.
    message  BIGINT   NOT NULL,
    -- 64 bits of the body's digest.
    body     BIGINT   NOT NULL,
    PRIMARY KEY (key, kind)
);

-- For pruning.
CREATE INDEX tas_inbox_names_message ON tas_inbox_names (message);
