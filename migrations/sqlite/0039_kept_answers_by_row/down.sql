CREATE TABLE idempotency_made_anew (
    caller TEXT NOT NULL,
    operation TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    status INTEGER NOT NULL,
    location TEXT,
    etag TEXT,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (caller, operation, idempotency_key)
) STRICT, WITHOUT ROWID;
INSERT INTO idempotency_made_anew SELECT * FROM idempotency;
DROP TABLE idempotency;
ALTER TABLE idempotency_made_anew RENAME TO idempotency;
