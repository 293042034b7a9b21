-- An enquiry under section 47 of the Children Act 1989, with the strategy discussion before it: the dates from which clocks run.
CREATE TABLE section47 (
    id TEXT PRIMARY KEY,
    child_id TEXT NOT NULL REFERENCES child (id),
    authority TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX section47_by_child ON section47 (child_id);
CREATE INDEX section47_by_authority ON section47 (authority, id);

CREATE TABLE section47_state (
    id TEXT PRIMARY KEY,
    section47_id TEXT NOT NULL REFERENCES section47 (id),
    referral_on TEXT,
    strategy_discussion_on TEXT NOT NULL,
    decided_on TEXT,
    started_on TEXT,
    outcome TEXT CHECK (outcome IN ('not-substantiated', 'substantiated-no-continuing-risk', 'conference')),
    outcome_on TEXT,
    assessment_completed_on TEXT,
    departure_reason TEXT,
    departure_approved_by TEXT,
    entered_in_error INTEGER NOT NULL,
    error_reason TEXT,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to),
    CHECK ((outcome IS NULL) = (outcome_on IS NULL)),
    CHECK ((departure_reason IS NULL) = (departure_approved_by IS NULL))
) STRICT;
CREATE INDEX section47_state_by_section47 ON section47_state (section47_id);

-- A conference. Its decisions stand one for each child: what is decided for one changes nothing for another. The chair's
-- identity is what makes the conference theirs. Whether a decision was agreed may be unknown: a conference recorded only by
-- its date does not say.
CREATE TABLE conference (
    id TEXT PRIMARY KEY,
    authority TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX conference_by_authority ON conference (authority, id);

CREATE TABLE conference_state (
    id TEXT PRIMARY KEY,
    conference_id TEXT NOT NULL REFERENCES conference (id),
    kind TEXT NOT NULL CHECK (kind IN ('initial', 'pre-birth', 'review', 'transfer-in')),
    held_on TEXT NOT NULL,
    chair TEXT,
    chair_person TEXT,
    language TEXT,
    quorate INTEGER,
    quorum_reason TEXT,
    departure_reason TEXT,
    departure_approved_by TEXT,
    entered_in_error INTEGER NOT NULL,
    error_reason TEXT,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX conference_state_by_conference ON conference_state (conference_id);

CREATE TABLE conference_attendee (
    id TEXT PRIMARY KEY,
    conference_id TEXT NOT NULL REFERENCES conference (id),
    name TEXT NOT NULL,
    agency TEXT,
    role TEXT,
    attendance TEXT NOT NULL CHECK (attendance IN ('attended', 'apologies', 'report-only', 'not-invited')),
    direct_contact INTEGER,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX conference_attendee_by_conference ON conference_attendee (conference_id);

CREATE TABLE conference_decision (
    id TEXT PRIMARY KEY,
    conference_id TEXT NOT NULL REFERENCES conference (id),
    child_id TEXT NOT NULL REFERENCES child (id),
    section47_id TEXT REFERENCES section47 (id),
    registration_id TEXT REFERENCES registration (id),
    decision TEXT NOT NULL CHECK (decision IN ('registered', 'not-registered', 'continued', 'removed')),
    categories TEXT NOT NULL,
    consensus INTEGER,
    dissent TEXT,
    reasons TEXT,
    evidence TEXT,
    child_views TEXT,
    child_views_how TEXT,
    child_participation TEXT,
    parent_views TEXT,
    parent_views_how TEXT,
    views_language TEXT,
    advocacy_offered_on TEXT,
    advocacy_offered_by TEXT,
    advocacy_response TEXT,
    review_due_on TEXT,
    core_group_due_on TEXT,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX conference_decision_by_conference ON conference_decision (conference_id);
CREATE INDEX conference_decision_by_child ON conference_decision (child_id);
CREATE INDEX conference_decision_by_registration ON conference_decision (registration_id);

-- On which conference an entry rests, and which one ended it; the evidence for the end and the reasons. Temporary entries are
-- found by the entry at home that they rest on: they never outlive it.
ALTER TABLE registration_state ADD COLUMN conference_id TEXT;
ALTER TABLE registration_state ADD COLUMN removal_conference_id TEXT;
ALTER TABLE registration_state ADD COLUMN removal_evidence TEXT;
ALTER TABLE registration_state ADD COLUMN removal_reasons TEXT;
CREATE INDEX registration_state_by_home ON registration_state (home_registration_id);

-- What is to be done about an entry or a child ends with what it was about.
CREATE INDEX task_by_registration ON task (registration_id);
CREATE INDEX task_by_child ON task (child_id);
