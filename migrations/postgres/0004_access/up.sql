-- Who looked, at what, with what result. Written in the transaction of the work; never changed.
CREATE TABLE audit_entry (
    id UUID PRIMARY KEY,
    recorded_at TIMESTAMPTZ NOT NULL,
    operation TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('granted', 'empty', 'refused', 'failed', 'replayed')),
    code TEXT,
    subject TEXT,
    client TEXT,
    role TEXT,
    organisation TEXT,
    reason TEXT,
    enquiry_id UUID,
    request_id UUID NOT NULL,
    correlation_id UUID NOT NULL,
    record TEXT NOT NULL,
    leaf_hash BYTEA NOT NULL
);
CREATE INDEX audit_entry_by_subject ON audit_entry (subject, id);

CREATE TABLE audit_child (
    child_id UUID NOT NULL,
    entry_id UUID NOT NULL REFERENCES audit_entry (id),
    PRIMARY KEY (child_id, entry_id)
);

CREATE FUNCTION audit_entry_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit_entry is append-only'; END $$;
CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry
FOR EACH ROW EXECUTE FUNCTION audit_entry_append_only();
CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry
FOR EACH ROW EXECUTE FUNCTION audit_entry_append_only();
CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry
FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_append_only();
CREATE FUNCTION audit_child_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit_child is append-only'; END $$;
CREATE TRIGGER audit_child_no_update BEFORE UPDATE ON audit_child
FOR EACH ROW EXECUTE FUNCTION audit_child_append_only();
CREATE TRIGGER audit_child_no_delete BEFORE DELETE ON audit_child
FOR EACH ROW EXECUTE FUNCTION audit_child_append_only();
CREATE TRIGGER audit_child_no_truncate BEFORE TRUNCATE ON audit_child
FOR EACH STATEMENT EXECUTE FUNCTION audit_child_append_only();

-- Answers kept so that a repeated request gets the same answer and does its work once.
CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    operation TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    status BIGINT NOT NULL,
    location TEXT,
    etag TEXT,
    body TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (caller, operation, idempotency_key)
);

-- Small facts about this installation that must survive a restart.
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
