-- Partner systems registered with this region. Exactly one of `jwks` (a JSON Web Key Set) and `jwks_uri` says with which keys
-- a system signs its assertions. No case data, and nothing personal: organisations and keys.
CREATE TABLE client (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version > 0),
    name TEXT NOT NULL,
    sector TEXT NOT NULL,
    organisation_code TEXT NOT NULL,
    organisation_name TEXT NOT NULL,
    jwks TEXT,
    jwks_uri TEXT,
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'revoked')),
    status_reason TEXT,
    status_since TEXT NOT NULL,
    keys_since TEXT NOT NULL,
    registered_at TEXT NOT NULL,
    registered_by TEXT NOT NULL,
    CHECK ((jwks IS NULL) <> (jwks_uri IS NULL))
) STRICT;

-- Assertions that a token was issued for: each is good once, on whichever server, after whichever restart. A row may go when
-- its assertion has expired: it is refused for that then.
CREATE TABLE client_assertion (
    client_id TEXT NOT NULL REFERENCES client (id),
    assertion_id TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (client_id, assertion_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_assertion_by_expiry ON client_assertion (expires_at);
