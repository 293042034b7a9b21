DROP INDEX notice_by_person;
CREATE INDEX notice_by_person ON notice (to_person, id);
DROP INDEX notice_together;
CREATE INDEX notice_together ON notice (together_id);
