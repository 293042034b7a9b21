-- What the returns of a nation ask of a child beside what the register needs itself. Absent: not recorded.
CREATE TABLE child_census (
    id TEXT PRIMARY KEY,
    child_id TEXT NOT NULL REFERENCES child (id),
    ethnicity TEXT,
    disabilities TEXT,
    upn_unknown TEXT,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX child_census_by_child ON child_census (child_id);

-- A referral of a child to children's social care, with what the census asks of it.
CREATE TABLE referral (
    id TEXT PRIMARY KEY,
    child_id TEXT NOT NULL REFERENCES child (id),
    referred_on TEXT NOT NULL,
    source TEXT NOT NULL,
    primary_need TEXT NOT NULL,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX referral_by_child ON referral (child_id);

-- When a record was withdrawn, and as what: child holds what is so now, this what was known when.
CREATE TABLE child_withdrawal (
    id TEXT PRIMARY KEY,
    child_id TEXT NOT NULL REFERENCES child (id),
    standing TEXT NOT NULL CHECK (standing IN ('entered-in-error', 'closed-by-adoption')),
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX child_withdrawal_by_child ON child_withdrawal (child_id);
-- What was withdrawn before this table was there: the last change of such a record was its withdrawal.
INSERT INTO child_withdrawal (id, child_id, standing, recorded_at, recorded_by)
SELECT id, id, standing, changed_at, 'migration' FROM child WHERE standing <> 'current';

-- A legal hold: nothing that it lies on is erased. Without a child it lies on every record of the authority.
CREATE TABLE legal_hold (
    id TEXT PRIMARY KEY,
    authority TEXT NOT NULL,
    child_id TEXT REFERENCES child (id),
    reason TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    placed_at TEXT NOT NULL,
    placed_by TEXT NOT NULL,
    lifted_at TEXT,
    lifted_by TEXT,
    lift_reason TEXT,
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL)),
    CHECK ((lifted_at IS NULL) = (lift_reason IS NULL))
) STRICT;
CREATE INDEX legal_hold_by_authority ON legal_hold (authority, id);
CREATE INDEX legal_hold_by_child ON legal_hold (child_id);

-- The children of an authority, newest first.
CREATE INDEX child_by_authority_and_id ON child (authority, id);
