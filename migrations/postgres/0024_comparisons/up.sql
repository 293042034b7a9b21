-- When this region compares what is open between it and another region next, and what came of it last time. `differing`: how much
-- differed then.
CREATE TABLE comparison (
    region TEXT PRIMARY KEY,
    next_at TIMESTAMPTZ NOT NULL,
    compared_at TIMESTAMPTZ,
    status TEXT CHECK (status IN ('agrees', 'differs', 'unreachable')),
    differing BIGINT NOT NULL
);
CREATE INDEX comparison_due ON comparison (next_at);

-- What differs between this region and another: a move, a stay or an alert. It goes when both agree; what stands although it was told
-- again is reported to people, once.
CREATE TABLE comparison_difference (
    region TEXT NOT NULL,
    item_id UUID NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    reported_at TIMESTAMPTZ,
    PRIMARY KEY (region, item_id)
);
