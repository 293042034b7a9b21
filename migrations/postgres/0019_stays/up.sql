-- A temporary stay stands among the moves: `stay` ones have their home in `from_authority` and their host in `to_authority`, and the
-- identifier of the stay.
ALTER TABLE transfer ADD COLUMN kind TEXT NOT NULL DEFAULT 'move' CHECK (kind IN ('move', 'stay'));
