-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE tas_dedupe (
    key    BYTEA    NOT NULL,
    -- 0: a name of a message. 1: an id that is not authentic; blocks nothing.
    kind   SMALLINT NOT NULL CHECK (kind IN (0, 1)),
    -- Fences the claim.
    token  BIGINT   NOT NULL,
    -- 64 bits of the body's digest.
    body   BIGINT   NOT NULL,
    -- Of a name: whether the message was handled. Of an id: whether it came with another body.
    flag   BOOLEAN  NOT NULL,
    -- From when on the row means nothing.
    until  BIGINT   NOT NULL,
    PRIMARY KEY (key, kind)
);

CREATE INDEX tas_dedupe_until ON tas_dedupe (until);
