-- How many checks a person, a client or an organisation asked in each hour of the clock on the wall. `slot` keeps
-- transactions that run at the same time apart: each adds to a row of its own, and a reader adds the rows up.
CREATE TABLE check_budget (
    subject TEXT NOT NULL,
    window_start TIMESTAMPTZ NOT NULL,
    slot BIGINT NOT NULL,
    checks BIGINT NOT NULL CHECK (checks >= 0),
    empty_answers BIGINT NOT NULL CHECK (empty_answers BETWEEN 0 AND checks),
    PRIMARY KEY (subject, window_start, slot)
);

-- What the search for suspicious patterns needs to know of a check beyond the enquiry log; pruned when it is too old to be
-- looked at. `marked_at` is the clock on the wall. `work_list` is whose custodian would hear of it.
CREATE TABLE enquiry_mark (
    enquiry_id UUID PRIMARY KEY REFERENCES enquiry (id),
    marked_at TIMESTAMPTZ NOT NULL,
    work_list TEXT NOT NULL,
    own_name BOOLEAN NOT NULL,
    own_address BOOLEAN NOT NULL,
    out_of_hours BOOLEAN NOT NULL
);
CREATE INDEX enquiry_mark_by_time ON enquiry_mark (marked_at);

-- The checks on which a task about a pattern rests. A check is evidence for a pattern once: that is what makes every finding
-- raise one task, however many servers look.
CREATE TABLE task_evidence (
    pattern TEXT NOT NULL,
    enquiry_id UUID NOT NULL REFERENCES enquiry (id),
    task_id UUID NOT NULL REFERENCES task (id),
    PRIMARY KEY (pattern, enquiry_id)
);
CREATE INDEX task_evidence_by_task ON task_evidence (task_id);

-- The person whom a task is about: they neither see nor close it.
ALTER TABLE task ADD COLUMN about TEXT;
