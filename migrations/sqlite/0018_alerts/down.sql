ALTER TABLE task DROP COLUMN alert_id;
ALTER TABLE notice DROP COLUMN alert_id;
DROP TABLE alert_report;
DROP TABLE alert_step;
DROP TABLE alert;
