-- What an authority of this region holds of the custody of one child: the state machine's own record, as JSON, and beside it what
-- is searched for. `raise_at`: when a duty goes up by a level next; `drive_at`: when what is due is sent again.
CREATE TABLE custody (
    id TEXT PRIMARY KEY,
    custody_id TEXT NOT NULL,
    authority TEXT NOT NULL,
    child_id TEXT REFERENCES child (id),
    version INTEGER NOT NULL CHECK (version >= 1),
    standing TEXT NOT NULL CHECK (standing IN ('none', 'lead', 'ended', 'closed')),
    is_open INTEGER NOT NULL,
    is_pending INTEGER NOT NULL,
    leader TEXT,
    epoch INTEGER,
    state TEXT NOT NULL,
    raise_at TEXT,
    raised_at TEXT,
    drive_at TEXT,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    UNIQUE (custody_id, authority)
) STRICT;
CREATE INDEX custody_by_child ON custody (child_id);
CREATE INDEX custody_to_raise ON custody (raise_at);
CREATE INDEX custody_to_drive ON custody (drive_at);

-- A move of a child between two authorities, of which one at least is this region's. How it stands is the custody's to say.
CREATE TABLE transfer (
    id TEXT PRIMARY KEY,
    custody_id TEXT NOT NULL,
    child_id TEXT NOT NULL REFERENCES child (id),
    from_authority TEXT NOT NULL,
    from_region TEXT NOT NULL,
    to_authority TEXT NOT NULL,
    to_region TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    is_open INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX transfer_by_child ON transfer (child_id);
CREATE INDEX transfer_by_origin ON transfer (from_authority, id);
CREATE INDEX transfer_by_receiver ON transfer (to_authority, id);

-- What a named person of this region did about a move, in the order of the identifiers. Never changed.
CREATE TABLE transfer_step (
    id TEXT PRIMARY KEY,
    transfer_id TEXT NOT NULL REFERENCES transfer (id),
    authority TEXT NOT NULL,
    action TEXT NOT NULL,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    reason TEXT,
    words TEXT,
    conference_id TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL
) STRICT;
CREATE INDEX transfer_step_by_transfer ON transfer_step (transfer_id);

-- Messages from one authority to another, written in the transaction of what they tell. `region` is where the receiver is.
-- `waiting` ones are sent in the order of their identifiers for each custody and pair of authorities; `delivered` ones are what
-- the other side has stored; `parked` ones it refused for good, and a person looks at them.
CREATE TABLE custody_outbox (
    id TEXT PRIMARY KEY,
    custody_id TEXT NOT NULL,
    transfer_id TEXT,
    from_authority TEXT NOT NULL,
    to_authority TEXT NOT NULL,
    region TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'parked')),
    attempts INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    problem TEXT,
    next_at TEXT NOT NULL,
    created_at TEXT NOT NULL,
    ended_at TEXT
) STRICT;
CREATE INDEX custody_outbox_due ON custody_outbox (state, next_at);
CREATE INDEX custody_outbox_stream ON custody_outbox (custody_id, from_authority, to_authority, id);

-- Messages that were taken in, each once for ever: written in the transaction of their effect.
CREATE TABLE custody_inbox (
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    custody_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    received_at TEXT NOT NULL,
    PRIMARY KEY (sender, message_id)
) STRICT;
CREATE INDEX custody_inbox_by_custody ON custody_inbox (custody_id);
