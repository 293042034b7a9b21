-- The signed directories that this region took up. The newest is in force; the earlier ones prove what was in force when.
CREATE TABLE federation_directory (
    version INTEGER PRIMARY KEY,
    document TEXT NOT NULL,
    taken_up_at TEXT NOT NULL
) STRICT;

-- The newest signed statement of every member that is newer than the directory's, and this region's own.
CREATE TABLE member_statement (
    region TEXT PRIMARY KEY,
    serial INTEGER NOT NULL,
    document TEXT NOT NULL,
    taken_up_at TEXT NOT NULL
) STRICT;

-- Messages of other regions that came already: the same one is not acted upon twice.
CREATE TABLE peer_message (
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    received_at TEXT NOT NULL,
    PRIMARY KEY (sender, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX peer_message_by_time ON peer_message (received_at);

-- Regions that have not answered a check yet, and when they are asked again. `question` is what they are asked; it goes with
-- the row, when the region has answered or the check has expired.
CREATE TABLE check_waiting (
    enquiry_id TEXT NOT NULL,
    region TEXT NOT NULL,
    question TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at TEXT NOT NULL,
    PRIMARY KEY (enquiry_id, region)
) STRICT, WITHOUT ROWID;
CREATE INDEX check_waiting_due ON check_waiting (next_at);
