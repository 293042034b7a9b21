-- Appointments of which a partner said that a child did not come or was not brought. Of a child who is on no register nothing is
-- kept but that something was reported: child_id and registration_id stay empty, and whoever reported hears the same.
CREATE TABLE missed_appointment (
    id TEXT PRIMARY KEY,
    child_id TEXT REFERENCES child (id),
    registration_id TEXT REFERENCES registration (id),
    kind TEXT NOT NULL CHECK (kind IN ('did-not-attend', 'was-not-brought', 'cancelled-by-family', 'no-access')),
    service TEXT NOT NULL,
    missed_on TEXT NOT NULL,
    agency TEXT NOT NULL,
    reported_by TEXT NOT NULL,
    received_at TEXT NOT NULL,
    CHECK ((child_id IS NULL) = (registration_id IS NULL))
) STRICT;
CREATE INDEX missed_appointment_by_child ON missed_appointment (child_id, id);
