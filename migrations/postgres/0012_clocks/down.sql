ALTER TABLE task DROP COLUMN due_on;
ALTER TABLE task DROP COLUMN clock;
ALTER TABLE notice DROP COLUMN due_on;
ALTER TABLE notice DROP COLUMN clock;
DROP INDEX notice_unread;
DROP TABLE notice_escalation;
DROP TABLE plan_withdrawal;
DROP TABLE clock_due;
DROP TABLE clock_watch;
