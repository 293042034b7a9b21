-- Sessions of people who use the pages. Kept here and not in the cookie, so that signing out ends one on every server over this
-- database. The cookie holds a secret of which only the digest stands here; the access token is sealed with a key made from that
-- secret, so that whoever reads this table can neither take over a session nor use a token. A row may go when it has ended.
CREATE TABLE session (
    digest TEXT PRIMARY KEY,
    sealed_token TEXT NOT NULL,
    ends_at TEXT NOT NULL
) STRICT;
CREATE INDEX session_by_end ON session (ends_at);
