-- A visit to the child under the plan. Seen and seen alone are two things.
CREATE TABLE visit (
    id UUID PRIMARY KEY,
    registration_id UUID NOT NULL REFERENCES registration (id),
    visited_on DATE NOT NULL,
    visited_by TEXT,
    seen BOOLEAN NOT NULL,
    seen_alone BOOLEAN NOT NULL,
    at_home BOOLEAN NOT NULL,
    bedroom_seen BOOLEAN NOT NULL,
    note TEXT,
    valid_from DATE,
    valid_to DATE,
    recorded_at TIMESTAMPTZ NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TIMESTAMPTZ,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to),
    CHECK (seen >= seen_alone),
    CHECK (at_home >= bedroom_seen)
);
CREATE INDEX visit_by_registration ON visit (registration_id);

CREATE TABLE core_group_meeting (
    id UUID PRIMARY KEY,
    registration_id UUID NOT NULL REFERENCES registration (id),
    held_on DATE NOT NULL,
    note TEXT,
    valid_from DATE,
    valid_to DATE,
    recorded_at TIMESTAMPTZ NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TIMESTAMPTZ,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
);
CREATE INDEX core_group_meeting_by_registration ON core_group_meeting (registration_id);

-- What must be done once under a plan: circulating its outline, telling the parents, finishing the assessment.
CREATE TABLE plan_milestone (
    id UUID PRIMARY KEY,
    registration_id UUID NOT NULL REFERENCES registration (id),
    kind TEXT NOT NULL,
    reached_on DATE NOT NULL,
    note TEXT,
    valid_from DATE,
    valid_to DATE,
    recorded_at TIMESTAMPTZ NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TIMESTAMPTZ,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
);
CREATE INDEX plan_milestone_by_registration ON plan_milestone (registration_id);

-- A departure from a clock's time, allowed by the senior safeguarding manager and recorded.
CREATE TABLE clock_departure (
    id UUID PRIMARY KEY,
    registration_id UUID NOT NULL REFERENCES registration (id),
    clock TEXT NOT NULL,
    was_due_on DATE NOT NULL,
    due_on DATE NOT NULL,
    reason TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    valid_from DATE,
    valid_to DATE,
    recorded_at TIMESTAMPTZ NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TIMESTAMPTZ,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
);
CREATE INDEX clock_departure_by_registration ON clock_departure (registration_id);

-- What was already said about a clock: each step of its escalation is raised once.
CREATE TABLE clock_escalation (
    registration_id UUID NOT NULL REFERENCES registration (id),
    clock TEXT NOT NULL,
    due_on DATE NOT NULL,
    level BIGINT NOT NULL CHECK (level >= 0),
    raised_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (registration_id, clock, due_on, level)
);
