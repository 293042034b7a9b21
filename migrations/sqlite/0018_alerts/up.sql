-- What this region holds of an alert for a missing child, raised here or elsewhere: the state machine's own record, as JSON, and
-- beside it what is searched for. `kept`: the child's descriptors and what is said of the matter, as JSON; `body`: the descriptors
-- as the matcher packs them. `child_id`, `registration_id`: of a child of this region. `raise_at`: when a duty goes up by a level
-- next; `drive_at`: when what is due is sent again. A closed one stays as the memory that it was closed.
CREATE TABLE alert (
    id TEXT PRIMARY KEY,
    custody_id TEXT NOT NULL,
    child_id TEXT REFERENCES child (id),
    registration_id TEXT REFERENCES registration (id),
    authority TEXT NOT NULL,
    owner TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    status TEXT NOT NULL CHECK (status IN ('unknown', 'raised', 'not-circulated', 'active', 'closed')),
    is_shown INTEGER NOT NULL,
    is_exercise INTEGER NOT NULL,
    state TEXT NOT NULL,
    kept TEXT NOT NULL,
    body BLOB NOT NULL,
    raise_at TEXT,
    raised_at TEXT,
    drive_at TEXT,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX alert_by_child ON alert (child_id);
CREATE INDEX alert_by_custody ON alert (custody_id);
CREATE INDEX alert_shown ON alert (is_shown, id);
CREATE INDEX alert_to_raise ON alert (raise_at);
CREATE INDEX alert_to_drive ON alert (drive_at);

-- What a named person of this region did about an alert, in the order of the identifiers. Never changed. `authority` is the
-- region's code for what concerns no single authority.
CREATE TABLE alert_step (
    id TEXT PRIMARY KEY,
    alert_id TEXT NOT NULL REFERENCES alert (id),
    authority TEXT NOT NULL,
    action TEXT NOT NULL,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    reason TEXT,
    words TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL
) STRICT;
CREATE INDEX alert_step_by_alert ON alert_step (alert_id);

-- Particulars of what was reported to an alert: an enquiry, a record that matches, a sighting. Written in the transaction of what
-- they come from; those that are not taken yet are put to the state machine within a second.
CREATE TABLE alert_report (
    alert_id TEXT NOT NULL REFERENCES alert (id),
    sighting_id TEXT NOT NULL,
    details TEXT NOT NULL,
    is_taken INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (alert_id, sighting_id)
) STRICT;
CREATE INDEX alert_report_to_take ON alert_report (is_taken);

-- The alert that a notice or a task is about.
ALTER TABLE notice ADD COLUMN alert_id TEXT;
ALTER TABLE task ADD COLUMN alert_id TEXT;
