-- The signed directories that this region took up. The newest is in force; the earlier ones prove what was in force when.
CREATE TABLE federation_directory (
    version BIGINT PRIMARY KEY,
    document TEXT NOT NULL,
    taken_up_at TIMESTAMPTZ NOT NULL
);

-- The newest signed statement of every member that is newer than the directory's, and this region's own.
CREATE TABLE member_statement (
    region TEXT PRIMARY KEY,
    serial BIGINT NOT NULL,
    document TEXT NOT NULL,
    taken_up_at TIMESTAMPTZ NOT NULL
);

-- Messages of other regions that came already: the same one is not acted upon twice.
CREATE TABLE peer_message (
    sender TEXT NOT NULL,
    message_id UUID NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (sender, message_id)
);
CREATE INDEX peer_message_by_time ON peer_message (received_at);

-- Regions that have not answered a check yet, and when they are asked again. `question` is what they are asked; it goes with
-- the row, when the region has answered or the check has expired.
CREATE TABLE check_waiting (
    enquiry_id UUID NOT NULL,
    region TEXT NOT NULL,
    question TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (enquiry_id, region)
);
CREATE INDEX check_waiting_due ON check_waiting (next_at);
