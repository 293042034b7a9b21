-- Files that were sent to be imported. What was sent lies in chunks until every row of it is answered; then it goes, and what
-- became of each row stays for a while. rows_done grows in the transaction that puts the rows in, so a run that broke off goes on
-- at the row at which it stopped. Whoever works on it holds it until leased_until.
CREATE TABLE import_run (
    id UUID PRIMARY KEY,
    version BIGINT NOT NULL CHECK (version >= 1),
    authority TEXT NOT NULL,
    source TEXT NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('csv', 'ndjson')),
    digest TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'finished', 'failed')),
    failure TEXT,
    rows_done BIGINT NOT NULL,
    counts TEXT NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    asked_by TEXT NOT NULL,
    begun_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    leased_until TIMESTAMPTZ,
    CHECK ((status = 'failed') = (failure IS NOT NULL)),
    CHECK ((status IN ('finished', 'failed')) = (ended_at IS NOT NULL))
);
CREATE INDEX import_run_by_authority ON import_run (authority, id);
CREATE INDEX import_run_by_status ON import_run (status, id);

-- Written before it is known whether the whole will be accepted; without a run after an hour, a chunk goes.
CREATE TABLE import_chunk (
    run_id UUID NOT NULL,
    number BIGINT NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (run_id, number)
);

-- What became of a row. codes: between spaces, so that one is found by itself.
CREATE TABLE import_result (
    run_id UUID NOT NULL REFERENCES import_run (id),
    number BIGINT NOT NULL,
    external_id TEXT,
    outcome TEXT NOT NULL CHECK (outcome IN ('added', 'unchanged', 'changed', 'rejected')),
    codes TEXT NOT NULL,
    remarks TEXT NOT NULL,
    child_id UUID REFERENCES child (id),
    PRIMARY KEY (run_id, number)
);
CREATE INDEX import_result_by_child ON import_result (child_id);

-- What a file and the register say differently, once for what the row said: a custodian who decided is not asked the same again
-- the next night. An empty external_id stands for the rows that could not be taken at all.
CREATE TABLE import_mismatch (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    code TEXT NOT NULL,
    said_digest TEXT NOT NULL,
    task_id UUID NOT NULL REFERENCES task (id),
    run_id UUID REFERENCES import_run (id),
    child_id UUID REFERENCES child (id),
    other_id UUID REFERENCES child (id),
    PRIMARY KEY (source, external_id, code)
);
CREATE INDEX import_mismatch_by_task ON import_mismatch (task_id);
CREATE INDEX import_mismatch_by_child ON import_mismatch (child_id);
CREATE INDEX import_mismatch_by_other ON import_mismatch (other_id);
