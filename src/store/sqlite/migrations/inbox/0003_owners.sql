-- Version 2 of the inbox needs the old table, so the keys change here. The ids serve the log only:
-- those of before, which have no owner, are left out.

CREATE TABLE tas_dedupe_new (
    key     BLOB    NOT NULL,
    -- 0: the key of a message. 1: an id that is not signed; blocks nothing. 2: the key of a request.
    kind    INTEGER NOT NULL CHECK (kind IN (0, 1, 2)),
    -- Fences the claim.
    token   INTEGER NOT NULL,
    -- Of a message: whether it was handled. Of an id: whether another message owned it before.
    flag    INTEGER NOT NULL CHECK (flag IN (0, 1)),
    -- From when on the row means nothing.
    until   INTEGER NOT NULL,
    -- Of a request: the key of the message that it was first. Of an id: that of its last message.
    owner   BLOB,
    -- Of a stored message that is not done: its id in the inbox. Such a key stays when it ends: while no
    -- other request claims it, the message may be requeued.
    message TEXT,
    PRIMARY KEY (key, kind),
    CHECK ((kind = 0) = (owner IS NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO tas_dedupe_new SELECT key, kind, token, flag, until, owner, message
FROM tas_dedupe WHERE kind <> 1;

DROP TABLE tas_dedupe;

ALTER TABLE tas_dedupe_new RENAME TO tas_dedupe;

CREATE INDEX tas_dedupe_message ON tas_dedupe (message) WHERE message IS NOT NULL;

-- For sweeping.
CREATE INDEX tas_dedupe_until ON tas_dedupe (until) WHERE message IS NULL;
