-- A kept answer is long. Within the index of the keys four of them fill a page, and a key was found through many pages; beside it
-- they stand one after the other.
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
) STRICT;
INSERT INTO idempotency_made_anew SELECT * FROM idempotency;
DROP TABLE idempotency;
ALTER TABLE idempotency_made_anew RENAME TO idempotency;
