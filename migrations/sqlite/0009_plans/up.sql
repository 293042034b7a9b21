-- A visit to the child under the plan. Seen and seen alone are two things.
CREATE TABLE visit (
    id TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registration (id),
    visited_on TEXT NOT NULL,
    visited_by TEXT,
    seen INTEGER NOT NULL,
    seen_alone INTEGER NOT NULL,
    at_home INTEGER NOT NULL,
    bedroom_seen INTEGER NOT NULL,
    note TEXT,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to),
    CHECK (seen >= seen_alone),
    CHECK (at_home >= bedroom_seen)
) STRICT;
CREATE INDEX visit_by_registration ON visit (registration_id);

CREATE TABLE core_group_meeting (
    id TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registration (id),
    held_on TEXT NOT NULL,
    note TEXT,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX core_group_meeting_by_registration ON core_group_meeting (registration_id);

-- What must be done once under a plan: circulating its outline, telling the parents, finishing the assessment.
CREATE TABLE plan_milestone (
    id TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registration (id),
    kind TEXT NOT NULL,
    reached_on TEXT NOT NULL,
    note TEXT,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX plan_milestone_by_registration ON plan_milestone (registration_id);

-- A departure from a clock's time, allowed by the senior safeguarding manager and recorded.
CREATE TABLE clock_departure (
    id TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registration (id),
    clock TEXT NOT NULL,
    was_due_on TEXT NOT NULL,
    due_on TEXT NOT NULL,
    reason TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX clock_departure_by_registration ON clock_departure (registration_id);

-- What was already said about a clock: each step of its escalation is raised once.
CREATE TABLE clock_escalation (
    registration_id TEXT NOT NULL REFERENCES registration (id),
    clock TEXT NOT NULL,
    due_on TEXT NOT NULL,
    level INTEGER NOT NULL CHECK (level >= 0),
    raised_at TEXT NOT NULL,
    PRIMARY KEY (registration_id, clock, due_on, level)
) STRICT, WITHOUT ROWID;
