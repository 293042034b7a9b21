DROP TABLE setting;
DROP TABLE idempotency;
DROP TABLE audit_child;
DROP FUNCTION audit_child_append_only();
DROP TABLE audit_entry;
DROP FUNCTION audit_entry_append_only();
