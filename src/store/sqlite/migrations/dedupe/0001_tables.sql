-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE tas_dedupe (
    key    BLOB    NOT NULL,
    -- 0: a name of a message. 1: an id that is not authentic; blocks nothing.
    kind   INTEGER NOT NULL CHECK (kind IN (0, 1)),
    -- Fences the claim.
    token  INTEGER NOT NULL,
    -- 64 bits of the body's digest.
    body   INTEGER NOT NULL,
    -- Of a name: whether the message was handled. Of an id: whether it came with another body.
    flag   INTEGER NOT NULL CHECK (flag IN (0, 1)),
    -- From when on the row means nothing.
    until  INTEGER NOT NULL,
    PRIMARY KEY (key, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX tas_dedupe_until ON tas_dedupe (until);
