-- Every check that was asked: the enquiry log.
CREATE TABLE enquiry (
    id TEXT PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL CHECK (version >= 1),
    asked_at TEXT NOT NULL,
    as_of TEXT NOT NULL,
    valid_until TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    client TEXT,
    organisation TEXT,
    agency TEXT NOT NULL,
    role TEXT NOT NULL,
    sector TEXT,
    reason TEXT NOT NULL,
    case_reference TEXT,
    notify TEXT NOT NULL,
    language TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('on-register', 'possible-match', 'not-on-register', 'indeterminate')),
    question TEXT NOT NULL,
    packed BLOB NOT NULL,
    question_digest TEXT NOT NULL,
    answer TEXT NOT NULL,
    receipt TEXT NOT NULL
) STRICT;
CREATE INDEX enquiry_by_asker ON enquiry (asked_by, id);

-- Which people an enquiry matched, and under which keys it can be found again when nobody was matched.
CREATE TABLE enquiry_match (
    child_id TEXT NOT NULL REFERENCES child (id),
    enquiry_id TEXT NOT NULL REFERENCES enquiry (id),
    asked_at TEXT NOT NULL,
    grade TEXT NOT NULL,
    PRIMARY KEY (child_id, enquiry_id)
) STRICT;
CREATE TABLE enquiry_key (
    k INTEGER NOT NULL,
    asked_at TEXT NOT NULL,
    enquiry_id TEXT NOT NULL REFERENCES enquiry (id),
    PRIMARY KEY (k, asked_at, enquiry_id)
) STRICT, WITHOUT ROWID;

-- What a person must read and confirm.
CREATE TABLE notice (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version >= 1),
    kind TEXT NOT NULL,
    urgency TEXT NOT NULL CHECK (urgency IN ('urgent', 'normal', 'silent')),
    to_role TEXT NOT NULL,
    to_person TEXT,
    authority TEXT NOT NULL,
    child_id TEXT REFERENCES child (id),
    registration_id TEXT REFERENCES registration (id),
    enquiry_id TEXT REFERENCES enquiry (id),
    created_at TEXT NOT NULL,
    acknowledged_at TEXT,
    acknowledged_by TEXT,
    acknowledgement_note TEXT,
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL))
) STRICT;
CREATE INDEX notice_by_authority ON notice (authority, id);
CREATE INDEX notice_by_person ON notice (to_person, id);

-- What a person must do.
CREATE TABLE task (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version >= 1),
    kind TEXT NOT NULL,
    authority TEXT NOT NULL,
    to_role TEXT NOT NULL,
    child_id TEXT REFERENCES child (id),
    registration_id TEXT REFERENCES registration (id),
    enquiry_id TEXT REFERENCES enquiry (id),
    reasons TEXT NOT NULL,
    created_at TEXT NOT NULL,
    closed_at TEXT,
    closed_by TEXT,
    close_reason TEXT,
    CHECK ((closed_at IS NULL) = (closed_by IS NULL)),
    CHECK ((closed_at IS NULL) = (close_reason IS NULL))
) STRICT;
CREATE INDEX task_by_authority ON task (authority, id);
