-- What the matcher needs of a person, packed; written in the transaction that changes the person.
CREATE TABLE match_record (
    pid BIGINT PRIMARY KEY REFERENCES child (pid),
    standing TEXT NOT NULL CHECK (standing IN ('current', 'former', 'none')),
    person BIGINT,
    body BYTEA NOT NULL
);

-- Blocking keys: keyed hashes, so that a stolen index cannot be probed with guesses.
CREATE TABLE match_key (
    k BIGINT NOT NULL,
    pid BIGINT NOT NULL,
    PRIMARY KEY (k, pid)
);

-- How often the common keys occur, so that the rarest are asked first. Refreshed now and then; may lag behind.
CREATE TABLE match_key_stat (
    k BIGINT PRIMARY KEY,
    n BIGINT NOT NULL
);

-- How often a name token (its keyed hash) occurs in this register: Jones is weaker evidence than Llyfnwy. Refreshed with the above.
CREATE TABLE match_token_stat (
    k BIGINT PRIMARY KEY,
    n BIGINT NOT NULL
);

CREATE TABLE match_summary (
    name TEXT PRIMARY KEY,
    n BIGINT NOT NULL,
    refreshed_at TIMESTAMPTZ NOT NULL
);
