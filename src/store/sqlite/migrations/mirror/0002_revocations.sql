-- Revocations of sessions that were not there. `user_id` is whose session it is, or empty if that was
-- not said; after `ends_at` no such session can live any more.

CREATE TABLE auth_revocations (
    handle   TEXT    NOT NULL,
    user_id  TEXT    NOT NULL,
    ends_at  INTEGER NOT NULL,
    PRIMARY KEY (handle, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX auth_revocations_ends_at ON auth_revocations (ends_at);
