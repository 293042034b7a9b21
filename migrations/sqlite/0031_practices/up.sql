-- The general practice with which a child is registered: another one is a sign that the family has moved. One row at most holds now and
-- has no last day.
CREATE TABLE child_practice (
    id TEXT PRIMARY KEY,
    child_id TEXT NOT NULL REFERENCES child (id),
    name TEXT NOT NULL,
    ods_code TEXT,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX child_practice_by_child ON child_practice (child_id);
