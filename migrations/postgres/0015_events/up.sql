-- What happened, for programs: written in the transaction of the work, beside its audit entry, whose place in the audit log is
-- the event's place in the feed. So the feed is in the order of the log, nothing is in it that was not done, and nothing that was
-- done is missing. `audience` is whom it is for: `authority:` and a GSS code, or `client:` and the issuer and identifier of a
-- partner system. Opaque identifiers only. No foreign keys: the entry is the last thing that a transaction writes.
CREATE TABLE event (
    id UUID PRIMARY KEY,
    entry_id UUID NOT NULL,
    kind TEXT NOT NULL,
    audience TEXT NOT NULL,
    subject TEXT NOT NULL,
    child_id UUID,
    happened_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX event_by_entry ON event (entry_id);
CREATE INDEX event_by_audience ON event (audience, id);

-- How far a consumer has acknowledged the feed: place in the audit log, and the event there.
CREATE TABLE event_acknowledgement (
    consumer TEXT PRIMARY KEY,
    leaf_index BIGINT NOT NULL CHECK (leaf_index >= 0),
    event_id UUID NOT NULL,
    acknowledged_at TIMESTAMPTZ NOT NULL
);
