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

-- The log over the entries. An entry waits in audit_pending from its own transaction until it has a place in the log: on
-- SQLite before that transaction commits, on PostgreSQL as soon as the sequencer sees it. Places are dense, from 0. `chain`
-- is the hash of the chain before it and the leaf hash: it names the very entry that somebody changed; the tree under the
-- checkpoints proves it.
CREATE TABLE audit_pending (
    entry_id TEXT PRIMARY KEY REFERENCES audit_entry (id)
) STRICT;
CREATE TABLE audit_leaf (
    leaf_index INTEGER PRIMARY KEY CHECK (leaf_index >= 0),
    entry_id TEXT NOT NULL UNIQUE REFERENCES audit_entry (id),
    leaf_hash BLOB NOT NULL,
    chain BLOB NOT NULL
) STRICT;
-- Nodes of the tree at levels 8, 16, ...; those between are worked out.
CREATE TABLE audit_node (
    level INTEGER NOT NULL CHECK (level > 0 AND level % 8 = 0),
    position INTEGER NOT NULL CHECK (position >= 0),
    hash BLOB NOT NULL,
    PRIMARY KEY (level, position)
) STRICT, WITHOUT ROWID;
-- Signed statements of size and root (C2SP tlog-checkpoint).
CREATE TABLE audit_checkpoint (
    size INTEGER PRIMARY KEY CHECK (size >= 0),
    root BLOB NOT NULL,
    signed_at TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;
-- The keys of the commitments in an entry. The one thing of the log that may go: without its key nobody can tell any more
-- what was committed to.
CREATE TABLE audit_commitment (
    entry_id TEXT PRIMARY KEY REFERENCES audit_entry (id),
    key BLOB NOT NULL
) STRICT;

CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;
CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;
CREATE TRIGGER audit_child_no_update BEFORE UPDATE ON audit_child
BEGIN SELECT RAISE(ABORT, 'audit_child is append-only'); END;
CREATE TRIGGER audit_child_no_delete BEFORE DELETE ON audit_child
BEGIN SELECT RAISE(ABORT, 'audit_child is append-only'); END;
CREATE TRIGGER audit_leaf_no_update BEFORE UPDATE ON audit_leaf
BEGIN SELECT RAISE(ABORT, 'audit_leaf is append-only'); END;
CREATE TRIGGER audit_leaf_no_delete BEFORE DELETE ON audit_leaf
BEGIN SELECT RAISE(ABORT, 'audit_leaf is append-only'); END;
CREATE TRIGGER audit_node_no_update BEFORE UPDATE ON audit_node
BEGIN SELECT RAISE(ABORT, 'audit_node is append-only'); END;
CREATE TRIGGER audit_node_no_delete BEFORE DELETE ON audit_node
BEGIN SELECT RAISE(ABORT, 'audit_node is append-only'); END;
CREATE TRIGGER audit_checkpoint_no_update BEFORE UPDATE ON audit_checkpoint
BEGIN SELECT RAISE(ABORT, 'audit_checkpoint is append-only'); END;
CREATE TRIGGER audit_checkpoint_no_delete BEFORE DELETE ON audit_checkpoint
BEGIN SELECT RAISE(ABORT, 'audit_checkpoint is append-only'); END;
CREATE TRIGGER audit_pending_no_update BEFORE UPDATE ON audit_pending
BEGIN SELECT RAISE(ABORT, 'audit_pending is append-only'); END;
CREATE TRIGGER audit_commitment_no_update BEFORE UPDATE ON audit_commitment
BEGIN SELECT RAISE(ABORT, 'audit_commitment is append-only'); END;

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
