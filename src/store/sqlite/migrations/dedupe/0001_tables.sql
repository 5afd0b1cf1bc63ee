-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE tas_dedupe (
    key    BLOB    NOT NULL,
    -- 0: the name of a message. 1: an id that is not signed; blocks nothing. 2: the name of a request.
    kind   INTEGER NOT NULL CHECK (kind IN (0, 1, 2)),
    -- Fences the claim.
    token  INTEGER NOT NULL,
    -- Of an id: 64 bits of the digest of its body.
    body   INTEGER NOT NULL,
    -- Of a message: whether it was handled. Of an id: whether it came with another body.
    flag   INTEGER NOT NULL CHECK (flag IN (0, 1)),
    -- From when on the row means nothing.
    until  INTEGER NOT NULL,
    -- Of a request: the name of the message that it was first.
    owner  BLOB,
    PRIMARY KEY (key, kind),
    CHECK ((kind = 2) = (owner IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX tas_dedupe_until ON tas_dedupe (until);
