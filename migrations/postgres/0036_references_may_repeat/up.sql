-- A reference is for two people on the telephone and is no key: forty random bits, of which some of ten million checks have the same.
ALTER TABLE enquiry DROP CONSTRAINT enquiry_reference_key;
CREATE INDEX enquiry_by_reference ON enquiry (reference);
