-- Who looked, at what, with what result. Written in the transaction of the work; never changed.
CREATE TABLE audit_entry (
    id TEXT PRIMARY KEY,
    recorded_at TEXT NOT NULL,
    operation TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('granted', 'empty', 'refused', 'failed', 'replayed')),
    code TEXT,
    subject TEXT,
    client TEXT,
    role TEXT,
    organisation TEXT,
    reason TEXT,
    enquiry_id TEXT,
    request_id TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    record TEXT NOT NULL,
    leaf_hash BLOB NOT NULL
) STRICT;
CREATE INDEX audit_entry_by_subject ON audit_entry (subject, id);

CREATE TABLE audit_child (
    child_id TEXT NOT NULL,
    entry_id TEXT NOT NULL REFERENCES audit_entry (id),
    PRIMARY KEY (child_id, entry_id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;
CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;
CREATE TRIGGER audit_child_no_update BEFORE UPDATE ON audit_child
BEGIN SELECT RAISE(ABORT, 'audit_child is append-only'); END;
CREATE TRIGGER audit_child_no_delete BEFORE DELETE ON audit_child
BEGIN SELECT RAISE(ABORT, 'audit_child is append-only'); END;

-- Answers kept so that a repeated request gets the same answer and does its work once.
CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    operation TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    status INTEGER NOT NULL,
    location TEXT,
    etag TEXT,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (caller, operation, idempotency_key)
) STRICT, WITHOUT ROWID;

-- Small facts about this installation that must survive a restart.
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
