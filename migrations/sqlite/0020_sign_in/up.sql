-- Sessions end when nobody was at them for a while, and know when they began; what was typed when the one before ended waits, sealed
-- like the token, until it is sent. All three may be absent: a server of the version before begins sessions without them.
ALTER TABLE session ADD COLUMN began_at TEXT;
ALTER TABLE session ADD COLUMN idle_ends_at TEXT;
ALTER TABLE session ADD COLUMN sealed_kept TEXT;

-- Who went to the region's identity provider and has not come back yet: what must be the same when they do, sealed with a key made from
-- a secret in a cookie of their browser, and found by the digest of the state that they bring back. Taken away by whoever comes back
-- first, so that nobody comes back twice; a row may go when its time is over.
CREATE TABLE sign_in (
    digest TEXT PRIMARY KEY,
    sealed TEXT NOT NULL,
    ends_at TEXT NOT NULL
) STRICT;
CREATE INDEX sign_in_by_end ON sign_in (ends_at);
