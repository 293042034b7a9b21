ALTER TABLE match_key DROP COLUMN digest;
ALTER TABLE match_key ADD CONSTRAINT match_key_pkey PRIMARY KEY (k, pid);
