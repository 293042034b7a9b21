-- Access tokens that are believed no more: one token by its `jti`, or every token that a person was given until an instant.
-- Nothing is ever changed or deleted here: what the servers over this database know is how many rows they have read.
CREATE TABLE revocation (
    id TEXT PRIMARY KEY,
    issuer TEXT NOT NULL,
    token_id TEXT,
    subject TEXT,
    reason TEXT NOT NULL,
    revoked_at TEXT NOT NULL,
    revoked_by TEXT NOT NULL,
    ends_at TEXT,
    CHECK ((token_id IS NULL) <> (subject IS NULL))
) STRICT;

CREATE TRIGGER revocation_no_update BEFORE UPDATE ON revocation
BEGIN SELECT RAISE(ABORT, 'revocation is append-only'); END;
CREATE TRIGGER revocation_no_delete BEFORE DELETE ON revocation
BEGIN SELECT RAISE(ABORT, 'revocation is append-only'); END;
