DROP TABLE sign_in;
ALTER TABLE session DROP COLUMN sealed_kept;
ALTER TABLE session DROP COLUMN idle_ends_at;
ALTER TABLE session DROP COLUMN began_at;
