-- A key says in which version it leads to a record, so that a server that has this version at hand does not fetch it again. What
-- the keys stand beside is put in when the index is made anew: before the server listens.
ALTER TABLE match_key ADD COLUMN digest INTEGER NOT NULL DEFAULT 0;
DELETE FROM setting WHERE name = 'matching.index-version';
