DROP TABLE setting;
DROP TABLE idempotency;
DROP TABLE audit_child;
DROP TABLE audit_entry;
