-- How a pregnancy ended whose child was entered before birth. The expected date is kept for good. Of a child who was not born alive
-- there is no date of birth, and nobody writes to the parents.
CREATE TABLE pregnancy (
    id UUID PRIMARY KEY,
    child_id UUID NOT NULL REFERENCES child (id),
    expected_on DATE NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('live-birth', 'stillbirth', 'miscarriage', 'termination')),
    ended_on DATE NOT NULL,
    valid_from DATE,
    valid_to DATE,
    recorded_at TIMESTAMPTZ NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TIMESTAMPTZ,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
);
CREATE INDEX pregnancy_by_child ON pregnancy (child_id);

-- Why a fact is no longer held to be true, and which one came in its place. The fact itself stays where it was.
CREATE TABLE correction (
    fact_id UUID PRIMARY KEY,
    child_id UUID NOT NULL REFERENCES child (id),
    subject TEXT NOT NULL CHECK (subject IN ('name', 'address', 'identifier', 'household-member', 'particulars')),
    action TEXT NOT NULL CHECK (action IN ('corrected', 'entered-in-error')),
    replaced_by UUID,
    reason TEXT NOT NULL,
    corrected_at TIMESTAMPTZ NOT NULL,
    corrected_by TEXT NOT NULL,
    CHECK ((action = 'corrected') = (replaced_by IS NOT NULL))
);
CREATE INDEX correction_by_child ON correction (child_id);

-- Who shielded a record, or no longer does, and why. What holds now stands in child.
CREATE TABLE child_shielding (
    id UUID PRIMARY KEY,
    child_id UUID NOT NULL REFERENCES child (id),
    shielded BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    valid_from DATE,
    valid_to DATE,
    recorded_at TIMESTAMPTZ NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TIMESTAMPTZ,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
);
CREATE INDEX child_shielding_by_child ON child_shielding (child_id);

-- What a person decided of two records: that they are of one person, or of two. Nothing moves from one record to the other, so that
-- undoing it leaves no trace but this row.
CREATE TABLE identity_decision (
    id UUID PRIMARY KEY,
    version BIGINT NOT NULL CHECK (version >= 1),
    kind TEXT NOT NULL CHECK (kind IN ('same-person', 'different-people')),
    kept_id UUID NOT NULL REFERENCES child (id),
    other_id UUID NOT NULL REFERENCES child (id),
    reason TEXT NOT NULL,
    decided_at TIMESTAMPTZ NOT NULL,
    decided_by TEXT NOT NULL,
    undone_at TIMESTAMPTZ,
    undone_by TEXT,
    undo_reason TEXT,
    CHECK (kept_id <> other_id),
    CHECK (kind = 'same-person' OR kept_id < other_id),
    CHECK ((undone_at IS NULL) = (undone_by IS NULL)),
    CHECK ((undone_at IS NULL) = (undo_reason IS NULL))
);
CREATE INDEX identity_decision_by_kept ON identity_decision (kept_id);
CREATE INDEX identity_decision_by_other ON identity_decision (other_id);
-- A record is merged into one other at most, and two records are told apart once.
CREATE UNIQUE INDEX identity_decision_merged_once ON identity_decision (other_id) WHERE kind = 'same-person' AND undone_at IS NULL;
CREATE UNIQUE INDEX identity_decision_told_apart_once ON identity_decision (kept_id, other_id) WHERE kind = 'different-people' AND undone_at IS NULL;

-- Two records that may be of one person, each pair once, with the task that asks a person to decide.
CREATE TABLE possible_duplicate (
    one_id UUID NOT NULL REFERENCES child (id),
    other_id UUID NOT NULL REFERENCES child (id),
    task_id UUID NOT NULL REFERENCES task (id),
    grade TEXT NOT NULL CHECK (grade IN ('probable', 'certain')),
    found_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (one_id, other_id),
    CHECK (one_id < other_id)
);
CREATE INDEX possible_duplicate_by_other ON possible_duplicate (other_id);
CREATE INDEX possible_duplicate_by_task ON possible_duplicate (task_id);

-- People whose records an import brought and who have not yet been looked for among the others.
CREATE TABLE duplicate_check (
    child_id UUID PRIMARY KEY REFERENCES child (id),
    queued_at TIMESTAMPTZ NOT NULL
);

-- A restricted record opened in an emergency: for one person, for a time.
CREATE TABLE break_glass (
    id UUID PRIMARY KEY,
    child_id UUID NOT NULL REFERENCES child (id),
    person TEXT NOT NULL,
    role TEXT NOT NULL,
    reason TEXT NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL,
    CHECK (opened_at < ends_at)
);
CREATE INDEX break_glass_by_child ON break_glass (child_id, person);

-- The health number of a household member: by that of the mother her unborn child is found.
ALTER TABLE household_member ADD COLUMN nhs_number TEXT;
