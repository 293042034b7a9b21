-- A program's subscription to events: they are sent to its address, signed (Standard Webhooks), in the order of the audit log.
-- `owner` says whose events it gets: `client:` and the issuer and identifier of a partner system, `authority:` and a GSS code, or
-- `region:` and a code. `kinds` is a JSON array of event types, or null for all. Secrets are not kept: they follow from the
-- region's own and `generation`; that of the generation before signs too until `rotated_at` is long enough ago. `after_leaf` and
-- `after_event`: how far the feed has been turned into deliveries.
CREATE TABLE webhook (
    id UUID PRIMARY KEY,
    version BIGINT NOT NULL CHECK (version >= 1),
    owner TEXT NOT NULL,
    url TEXT NOT NULL,
    kinds TEXT,
    signing TEXT NOT NULL CHECK (signing IN ('hmac-sha256', 'ed25519')),
    generation BIGINT NOT NULL CHECK (generation >= 1),
    rotated_at TIMESTAMPTZ,
    status TEXT NOT NULL CHECK (status IN ('active', 'paused', 'disabled', 'ended')),
    status_reason TEXT,
    after_leaf BIGINT NOT NULL CHECK (after_leaf >= 0),
    after_event UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_by TEXT NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX webhook_by_owner ON webhook (owner, id);

-- One event for one subscription. `answered` is the status that the receiver gave last, `problem` why there was none or it was
-- not taken; never what the receiver said.
CREATE TABLE webhook_delivery (
    webhook_id UUID NOT NULL REFERENCES webhook (id),
    event_id UUID NOT NULL,
    leaf_index BIGINT NOT NULL CHECK (leaf_index >= 0),
    child_id UUID,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'delivered', 'failed')),
    attempts BIGINT NOT NULL CHECK (attempts >= 0),
    next_at TIMESTAMPTZ NOT NULL,
    answered BIGINT,
    problem TEXT,
    attempted_at TIMESTAMPTZ,
    done_at TIMESTAMPTZ,
    PRIMARY KEY (webhook_id, event_id)
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (status, next_at);
CREATE INDEX webhook_delivery_in_order ON webhook_delivery (webhook_id, leaf_index, event_id);
