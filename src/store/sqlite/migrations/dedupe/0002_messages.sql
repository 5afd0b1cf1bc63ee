-- Of a stored message that is not done: its id in the inbox. Such a key stays when it ends: while no
-- other request claims it, the message may be requeued.
ALTER TABLE tas_dedupe ADD COLUMN message TEXT;

CREATE INDEX tas_dedupe_message ON tas_dedupe (message) WHERE message IS NOT NULL;

-- For sweeping.
DROP INDEX tas_dedupe_until;

CREATE INDEX tas_dedupe_until ON tas_dedupe (until) WHERE message IS NULL;
