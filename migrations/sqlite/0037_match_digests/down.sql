ALTER TABLE match_key DROP COLUMN digest;
