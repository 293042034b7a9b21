-- A reference is for two people on the telephone and is no key: forty random bits, of which some of ten million checks have
-- the same.
--
-- SQLite cannot take away a table's constraint, so the table is made anew, as its makers advise: without foreign keys, which cannot be
-- switched off within a transaction. Should it be interrupted, it is done again from the beginning.
PRAGMA foreign_keys = OFF;
BEGIN IMMEDIATE;
CREATE TABLE enquiry_made_anew (
    id TEXT PRIMARY KEY,
    reference TEXT NOT NULL,
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
INSERT INTO enquiry_made_anew SELECT * FROM enquiry;
DROP TABLE enquiry;
ALTER TABLE enquiry_made_anew RENAME TO enquiry;
CREATE INDEX enquiry_by_asker ON enquiry (asked_by, id);
CREATE INDEX enquiry_by_reference ON enquiry (reference);
COMMIT;
PRAGMA foreign_keys = ON;
