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

-- The log over the entries. An entry waits in audit_pending from its own transaction until it has a place in the log: on
-- SQLite before that transaction commits, on PostgreSQL as soon as the sequencer sees it. Places are dense, from 0. `chain`
-- is the hash of the chain before it and the leaf hash: it names the very entry that somebody changed; the tree under the
-- checkpoints proves it.
CREATE TABLE audit_pending (
    entry_id UUID PRIMARY KEY REFERENCES audit_entry (id)
);
CREATE TABLE audit_leaf (
    leaf_index BIGINT PRIMARY KEY CHECK (leaf_index >= 0),
    entry_id UUID NOT NULL UNIQUE REFERENCES audit_entry (id),
    leaf_hash BYTEA NOT NULL,
    chain BYTEA NOT NULL
);
-- Nodes of the tree at levels 8, 16, ...; those between are worked out.
CREATE TABLE audit_node (
    level BIGINT NOT NULL CHECK (level > 0 AND level % 8 = 0),
    position BIGINT NOT NULL CHECK (position >= 0),
    hash BYTEA NOT NULL,
    PRIMARY KEY (level, position)
);
-- Signed statements of size and root (C2SP tlog-checkpoint).
CREATE TABLE audit_checkpoint (
    size BIGINT PRIMARY KEY CHECK (size >= 0),
    root BYTEA NOT NULL,
    signed_at TIMESTAMPTZ NOT NULL,
    note TEXT NOT NULL
);
-- The keys of the commitments in an entry. The one thing of the log that may go: without its key nobody can tell any more
-- what was committed to.
CREATE TABLE audit_commitment (
    entry_id UUID PRIMARY KEY REFERENCES audit_entry (id),
    key BYTEA NOT NULL
);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_child_no_update BEFORE UPDATE ON audit_child
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_child_no_delete BEFORE DELETE ON audit_child
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_child_no_truncate BEFORE TRUNCATE ON audit_child
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_leaf_no_update BEFORE UPDATE ON audit_leaf
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_leaf_no_delete BEFORE DELETE ON audit_leaf
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_leaf_no_truncate BEFORE TRUNCATE ON audit_leaf
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_node_no_update BEFORE UPDATE ON audit_node
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_node_no_delete BEFORE DELETE ON audit_node
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_node_no_truncate BEFORE TRUNCATE ON audit_node
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_checkpoint_no_update BEFORE UPDATE ON audit_checkpoint
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_checkpoint_no_delete BEFORE DELETE ON audit_checkpoint
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_checkpoint_no_truncate BEFORE TRUNCATE ON audit_checkpoint
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_pending_no_update BEFORE UPDATE ON audit_pending
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_commitment_no_update BEFORE UPDATE ON audit_commitment
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();

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
