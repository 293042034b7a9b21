-- What the matcher needs of a person, packed; written in the transaction that changes the person.
CREATE TABLE match_record (
    pid INTEGER PRIMARY KEY REFERENCES child (pid),
    standing TEXT NOT NULL CHECK (standing IN ('current', 'former', 'none')),
    person INTEGER,
    body BLOB NOT NULL
) STRICT;

-- Blocking keys: keyed hashes, so that a stolen index cannot be probed with guesses.
CREATE TABLE match_key (
    k INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    PRIMARY KEY (k, pid)
) STRICT, WITHOUT ROWID;

-- How often the common keys occur, so that the rarest are asked first. Refreshed now and then; may lag behind.
CREATE TABLE match_key_stat (
    k INTEGER PRIMARY KEY,
    n INTEGER NOT NULL
) STRICT;

-- How often a name token (its keyed hash) occurs in this register: Jones is weaker evidence than Llyfnwy. Refreshed with the above.
CREATE TABLE match_token_stat (
    k INTEGER PRIMARY KEY,
    n INTEGER NOT NULL
) STRICT;

CREATE TABLE match_summary (
    name TEXT PRIMARY KEY,
    n INTEGER NOT NULL,
    refreshed_at TEXT NOT NULL
) STRICT;
