-- Most notices are for an office and stand alone: those to a person, and those that are put together, are found among their own.
DROP INDEX notice_by_person;
CREATE INDEX notice_by_person ON notice (to_person, id) WHERE to_person IS NOT NULL;
DROP INDEX notice_together;
CREATE INDEX notice_together ON notice (together_id) WHERE together_id IS NOT NULL;
