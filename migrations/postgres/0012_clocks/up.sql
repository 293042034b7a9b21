-- Which entries' clocks were worked out, on which day and from which versions of the entry and of the child: whatever is older
-- than either is worked out again. An entry that is not watched, and has not ended, waits.
CREATE TABLE clock_watch (
    registration_id UUID PRIMARY KEY REFERENCES registration (id),
    worked_on DATE NOT NULL,
    registration_version BIGINT NOT NULL,
    child_version BIGINT NOT NULL,
    stale BOOLEAN NOT NULL
);

-- The work-list: every clock that somebody still has to act on. A place begins with the day on which the clock is due, so that
-- places sort by it. How a clock stands is not kept: it follows from the two days and from today.
CREATE TABLE clock_due (
    place UUID PRIMARY KEY,
    registration_id UUID NOT NULL REFERENCES registration (id),
    child_id UUID NOT NULL REFERENCES child (id),
    authority TEXT NOT NULL,
    clock TEXT NOT NULL,
    started_on DATE NOT NULL,
    due_on DATE NOT NULL,
    soon_on DATE NOT NULL,
    CHECK (soon_on <= due_on)
);
CREATE INDEX clock_due_by_authority ON clock_due (authority, place);
CREATE INDEX clock_due_by_registration ON clock_due (registration_id);

-- That a visit, a meeting or a milestone was entered in error, by whom and why. What was entered stays.
CREATE TABLE plan_withdrawal (
    fact_id UUID PRIMARY KEY,
    registration_id UUID NOT NULL REFERENCES registration (id),
    kind TEXT NOT NULL CHECK (kind IN ('visit', 'core-group-meeting', 'milestone')),
    reason TEXT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    recorded_by TEXT NOT NULL
);
CREATE INDEX plan_withdrawal_by_registration ON plan_withdrawal (registration_id);

-- Who was told that a notice stays unread: each level once.
CREATE TABLE notice_escalation (
    notice_id UUID NOT NULL REFERENCES notice (id),
    level BIGINT NOT NULL CHECK (level >= 1),
    raised_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (notice_id, level)
);
CREATE INDEX notice_unread ON notice (urgency, acknowledged_at, created_at);

-- The clock that a notice or a task is about, and the day on which it was due.
ALTER TABLE notice ADD COLUMN clock TEXT;
ALTER TABLE notice ADD COLUMN due_on DATE;
ALTER TABLE task ADD COLUMN clock TEXT;
ALTER TABLE task ADD COLUMN due_on DATE;
