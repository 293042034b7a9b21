-- Of checks with one reference the later ones are told apart by their identifier: nothing else can be done.
UPDATE enquiry SET reference = reference || ' ' || id::text
    WHERE EXISTS (SELECT 1 FROM enquiry earlier WHERE earlier.reference = enquiry.reference AND earlier.id < enquiry.id);
DROP INDEX enquiry_by_reference;
ALTER TABLE enquiry ADD CONSTRAINT enquiry_reference_key UNIQUE (reference);
