-- The general practice with which a child is registered: another one is a sign that the family has moved. One row at most holds now and
-- has no last day.
CREATE TABLE child_practice (
    id UUID PRIMARY KEY,
    child_id UUID NOT NULL REFERENCES child (id),
    name TEXT NOT NULL,
    ods_code TEXT,
    valid_from DATE,
    valid_to DATE,
    recorded_at TIMESTAMPTZ NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TIMESTAMPTZ,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
);
CREATE INDEX child_practice_by_child ON child_practice (child_id);
