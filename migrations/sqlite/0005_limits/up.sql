-- How many checks a person, a client or an organisation asked in each hour of the clock on the wall. `slot` keeps
-- transactions that run at the same time apart: each adds to a row of its own, and a reader adds the rows up.
CREATE TABLE check_budget (
    subject TEXT NOT NULL,
    window_start TEXT NOT NULL,
    slot INTEGER NOT NULL,
    checks INTEGER NOT NULL CHECK (checks >= 0),
    empty_answers INTEGER NOT NULL CHECK (empty_answers BETWEEN 0 AND checks),
    PRIMARY KEY (subject, window_start, slot)
) STRICT, WITHOUT ROWID;

-- What the search for suspicious patterns needs to know of a check beyond the enquiry log; pruned when it is too old to be
-- looked at. `marked_at` is the clock on the wall. `work_list` is whose custodian would hear of it.
CREATE TABLE enquiry_mark (
    enquiry_id TEXT PRIMARY KEY REFERENCES enquiry (id),
    marked_at TEXT NOT NULL,
    work_list TEXT NOT NULL,
    own_name INTEGER NOT NULL,
    own_address INTEGER NOT NULL,
    out_of_hours INTEGER NOT NULL
) STRICT;
CREATE INDEX enquiry_mark_by_time ON enquiry_mark (marked_at);

-- The checks on which a task about a pattern rests. A check is evidence for a pattern once: that is what makes every finding
-- raise one task, however many servers look.
CREATE TABLE task_evidence (
    pattern TEXT NOT NULL,
    enquiry_id TEXT NOT NULL REFERENCES enquiry (id),
    task_id TEXT NOT NULL REFERENCES task (id),
    PRIMARY KEY (pattern, enquiry_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_evidence_by_task ON task_evidence (task_id);

-- The person whom a task is about: they neither see nor close it.
ALTER TABLE task ADD COLUMN about TEXT;
