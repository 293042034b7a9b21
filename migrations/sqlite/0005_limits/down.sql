ALTER TABLE task DROP COLUMN about;
DROP TABLE task_evidence;
DROP TABLE enquiry_mark;
DROP TABLE check_budget;
