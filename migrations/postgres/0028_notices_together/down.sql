DROP INDEX notice_together;
DROP INDEX notice_by_child;
ALTER TABLE notice DROP COLUMN together_id;
