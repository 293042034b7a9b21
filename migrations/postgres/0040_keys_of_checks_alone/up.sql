-- The keys of a check are an index of checks like any other: written with the check, erased with it, and read only together with it.
-- That the check exists was looked up again for each of its keys.
ALTER TABLE enquiry_key DROP CONSTRAINT enquiry_key_enquiry_id_fkey;
-- Checks and kept answers are about two kilobytes long, which is where PostgreSQL begins to compress rows and to move values away:
-- by a profile three hundredths of its processor time for a check.
ALTER TABLE enquiry SET (toast_tuple_target = 8160);
ALTER TABLE idempotency SET (toast_tuple_target = 8160);
