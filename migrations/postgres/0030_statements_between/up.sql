-- The signed statements over which a member's newest follows from the directory's, oldest first, as a JSON array: each signed with a
-- key of the one before it.
ALTER TABLE member_statement ADD COLUMN earlier TEXT NOT NULL DEFAULT '[]';
