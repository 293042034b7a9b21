-- A key says in which version it leads to a record, so that a server that has this version at hand does not fetch it again. What
-- the keys stand beside is put in when the index is made anew: before the server listens.
ALTER TABLE match_key ADD COLUMN digest BIGINT NOT NULL DEFAULT 0;
ALTER TABLE match_key DROP CONSTRAINT match_key_pkey;
ALTER TABLE match_key ADD CONSTRAINT match_key_pkey PRIMARY KEY (k, pid) INCLUDE (digest);
DELETE FROM setting WHERE name = 'matching.index-version';
