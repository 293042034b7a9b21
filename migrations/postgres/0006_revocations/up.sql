-- Access tokens that are believed no more: one token by its `jti`, or every token that a person was given until an instant.
-- Nothing is ever changed or deleted here: what the servers over this database know is how many rows they have read.
CREATE TABLE revocation (
    id UUID PRIMARY KEY,
    issuer TEXT NOT NULL,
    token_id TEXT,
    subject TEXT,
    reason TEXT NOT NULL,
    revoked_at TIMESTAMPTZ NOT NULL,
    revoked_by TEXT NOT NULL,
    ends_at TIMESTAMPTZ,
    CHECK ((token_id IS NULL) <> (subject IS NULL))
);

CREATE TRIGGER revocation_no_update BEFORE UPDATE ON revocation
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER revocation_no_delete BEFORE DELETE ON revocation
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER revocation_no_truncate BEFORE TRUNCATE ON revocation
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
