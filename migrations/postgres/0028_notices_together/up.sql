-- Notices of routine checks about a child that are put together for whoever has not read the first of them: each names that first
-- one, and it names itself. Absent: never put together.
ALTER TABLE notice ADD COLUMN together_id UUID;
CREATE INDEX notice_by_child ON notice (child_id, acknowledged_at);
CREATE INDEX notice_together ON notice (together_id);
