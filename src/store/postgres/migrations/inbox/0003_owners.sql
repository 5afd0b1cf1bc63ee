-- Version 2 of the inbox needs the old table, so the keys change here. The ids serve the log only:
-- those of before, which have no owner, are left out.

-- Claims write the kinds of keys in another order than this script.
LOCK TABLE tas_dedupe IN ACCESS EXCLUSIVE MODE;

DELETE FROM tas_dedupe WHERE kind = 1;

-- The owner of an id is its last message.
ALTER TABLE tas_dedupe
    DROP COLUMN body,
    DROP CONSTRAINT tas_dedupe_check,
    ADD CHECK ((kind = 0) = (owner IS NULL));
