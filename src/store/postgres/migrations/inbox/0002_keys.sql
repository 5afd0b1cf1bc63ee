-- The keys move to the dedupe tables, which migrate first. Processes of the version before must not
-- store a message meanwhile.
LOCK TABLE tas_inbox_names, tas_inbox IN ACCESS EXCLUSIVE MODE;
-- Claims write the kinds of keys in another order than this script.
LOCK TABLE tas_dedupe IN SHARE ROW EXCLUSIVE MODE;

-- Version 1 did not tell the key of a message from the keys of its requests. A message of that version
-- may be requeued only while all of them are claimed: later the key may belong to another message.
ALTER TABLE tas_inbox ADD COLUMN several_keys BOOLEAN NOT NULL DEFAULT false;

-- Without an id there is no digest, and one key.
UPDATE tas_inbox SET several_keys = true
WHERE state <> 'done'
    AND seq IN (SELECT message FROM tas_inbox_names WHERE kind = 0 AND body <> 0);

-- Each as the key of its message.
INSERT INTO tas_dedupe AS old (key, kind, token, body, flag, until, message)
SELECT n.key, 0, 0, n.body, true,
    CASE WHEN m.ended_at IS NULL THEN 9223372036854775807
        ELSE m.ended_at + LEAST(m.keep, 9223372036854775807 - m.ended_at) END,
    CASE WHEN m.state <> 'done' THEN m.id END
FROM tas_inbox_names n JOIN tas_inbox m ON m.seq = n.message
WHERE n.kind = 0
ON CONFLICT (key, kind) DO UPDATE SET flag = true, until = excluded.until, message = excluded.message
    WHERE excluded.until > old.until;

-- And as the key of its request.
INSERT INTO tas_dedupe AS old (key, kind, token, body, flag, until, owner)
SELECT n.key, 2, 0, n.body, false,
    m.received_at + LEAST(m.keep, 9223372036854775807 - m.received_at), n.key
FROM tas_inbox_names n JOIN tas_inbox m ON m.seq = n.message
WHERE n.kind = 0
ON CONFLICT (key, kind) DO UPDATE SET until = excluded.until, owner = excluded.owner
    WHERE excluded.until > old.until;

INSERT INTO tas_dedupe AS old (key, kind, token, body, flag, until)
SELECT n.key, 1, 0, n.body, false,
    m.received_at + LEAST(m.keep, 9223372036854775807 - m.received_at)
FROM tas_inbox_names n JOIN tas_inbox m ON m.seq = n.message
WHERE n.kind = 1
ON CONFLICT (key, kind) DO UPDATE SET until = excluded.until, body = excluded.body
    WHERE excluded.until > old.until;

DROP TABLE tas_inbox_names;
