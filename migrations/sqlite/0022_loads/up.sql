-- Files that were sent to be imported. What was sent lies in chunks until every row of it is answered; then it goes, and what
-- became of each row stays for a while. rows_done grows in the transaction that puts the rows in, so a run that broke off goes on
-- at the row at which it stopped. Whoever works on it holds it until leased_until.
CREATE TABLE import_run (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version >= 1),
    authority TEXT NOT NULL,
    source TEXT NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('csv', 'ndjson')),
    digest TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'finished', 'failed')),
    failure TEXT,
    rows_done INTEGER NOT NULL,
    counts TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    begun_at TEXT,
    ended_at TEXT,
    leased_until TEXT,
    CHECK ((status = 'failed') = (failure IS NOT NULL)),
    CHECK ((status IN ('finished', 'failed')) = (ended_at IS NOT NULL))
) STRICT;
CREATE INDEX import_run_by_authority ON import_run (authority, id);
CREATE INDEX import_run_by_status ON import_run (status, id);

-- Written before it is known whether the whole will be accepted; without a run after an hour, a chunk goes.
CREATE TABLE import_chunk (
    run_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (run_id, number)
) STRICT;

-- What became of a row. codes: between spaces, so that one is found by itself.
CREATE TABLE import_result (
    run_id TEXT NOT NULL REFERENCES import_run (id),
    number INTEGER NOT NULL,
    external_id TEXT,
    outcome TEXT NOT NULL CHECK (outcome IN ('added', 'unchanged', 'changed', 'rejected')),
    codes TEXT NOT NULL,
    remarks TEXT NOT NULL,
    child_id TEXT REFERENCES child (id),
    PRIMARY KEY (run_id, number)
) STRICT;
CREATE INDEX import_result_by_child ON import_result (child_id);

-- What a file and the register say differently, once for what the row said: a custodian who decided is not asked the same again
-- the next night. An empty external_id stands for the rows that could not be taken at all.
CREATE TABLE import_mismatch (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    code TEXT NOT NULL,
    said_digest TEXT NOT NULL,
    task_id TEXT NOT NULL REFERENCES task (id),
    run_id TEXT REFERENCES import_run (id),
    child_id TEXT REFERENCES child (id),
    other_id TEXT REFERENCES child (id),
    PRIMARY KEY (source, external_id, code)
) STRICT;
CREATE INDEX import_mismatch_by_task ON import_mismatch (task_id);
CREATE INDEX import_mismatch_by_child ON import_mismatch (child_id);
CREATE INDEX import_mismatch_by_other ON import_mismatch (other_id);
