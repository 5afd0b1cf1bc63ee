-- Times are milliseconds since 1970-01-01T00:00:00Z.

-- The signing keys of issuers.
CREATE TABLE tas_keys (
    issuer     TEXT   NOT NULL,
    -- The place among the issuer's keys: 1 is the oldest. Two keys of one place would be a fork.
    seq        BIGINT NOT NULL,
    id         TEXT   NOT NULL,
    -- The private key in plain text, as JSON.
    jwk        TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, seq),
    UNIQUE (issuer, id)
);
