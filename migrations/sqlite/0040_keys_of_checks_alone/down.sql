CREATE TABLE enquiry_key_made_anew (
    k INTEGER NOT NULL,
    asked_at TEXT NOT NULL,
    enquiry_id TEXT NOT NULL REFERENCES enquiry (id),
    PRIMARY KEY (k, asked_at, enquiry_id)
) STRICT, WITHOUT ROWID;
INSERT INTO enquiry_key_made_anew SELECT * FROM enquiry_key;
DROP TABLE enquiry_key;
ALTER TABLE enquiry_key_made_anew RENAME TO enquiry_key;
