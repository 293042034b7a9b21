-- A person on the register. What is known of them stands in fact tables, because facts change and are corrected.
CREATE TABLE child (
    pid INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    authority TEXT NOT NULL,
    standing TEXT NOT NULL CHECK (standing IN ('current', 'entered-in-error', 'closed-by-adoption')),
    shielded INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX child_by_authority ON child (authority, pid);

CREATE TABLE child_particulars (
    id TEXT PRIMARY KEY,
    child_id TEXT NOT NULL REFERENCES child (id),
    birth_kind TEXT NOT NULL CHECK (birth_kind IN ('exact', 'approximate', 'expected', 'unknown')),
    birth_from TEXT,
    birth_to TEXT,
    sex TEXT NOT NULL CHECK (sex IN ('female', 'male', 'indeterminate', 'unknown')),
    preferred_language TEXT,
    communication_needs TEXT,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to),
    CHECK ((birth_kind = 'unknown') = (birth_from IS NULL)),
    CHECK (birth_kind <> 'approximate' OR birth_to >= birth_from)
) STRICT;
CREATE INDEX child_particulars_by_child ON child_particulars (child_id);

CREATE TABLE child_name (
    id TEXT PRIMARY KEY,
    child_id TEXT NOT NULL REFERENCES child (id),
    name_use TEXT NOT NULL CHECK (name_use IN ('official', 'preferred', 'alias', 'former')),
    given TEXT,
    middle TEXT,
    family TEXT,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to),
    CHECK (given IS NOT NULL OR family IS NOT NULL)
) STRICT;
CREATE INDEX child_name_by_child ON child_name (child_id);

CREATE TABLE child_identifier (
    id TEXT PRIMARY KEY,
    child_id TEXT NOT NULL REFERENCES child (id),
    kind TEXT NOT NULL CHECK (kind IN ('nhs-number', 'chi-number', 'hc-number', 'upn', 'local')),
    value TEXT NOT NULL,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX child_identifier_by_child ON child_identifier (child_id);
CREATE INDEX child_identifier_by_value ON child_identifier (kind, value);

CREATE TABLE child_address (
    id TEXT PRIMARY KEY,
    child_id TEXT NOT NULL REFERENCES child (id),
    kind TEXT NOT NULL CHECK (kind IN ('home', 'temporary', 'placement', 'refuge', 'other')),
    lines TEXT NOT NULL,
    postcode TEXT,
    uprn TEXT,
    source TEXT,
    confidential INTEGER NOT NULL,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX child_address_by_child ON child_address (child_id);

CREATE TABLE household_member (
    id TEXT PRIMARY KEY,
    child_id TEXT NOT NULL REFERENCES child (id),
    relationship TEXT NOT NULL CHECK (relationship IN ('mother', 'father', 'step-parent', 'grandparent', 'sibling', 'half-sibling', 'carer', 'partner-of-parent', 'other')),
    carer INTEGER NOT NULL,
    parental_responsibility INTEGER NOT NULL,
    in_household INTEGER NOT NULL,
    given TEXT,
    family TEXT,
    date_of_birth TEXT,
    related_child_id TEXT REFERENCES child (id),
    confidential INTEGER NOT NULL,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to),
    CHECK (given IS NOT NULL OR family IS NOT NULL OR related_child_id IS NOT NULL)
) STRICT;
CREATE INDEX household_member_by_child ON household_member (child_id);
CREATE INDEX household_member_by_related_child ON household_member (related_child_id);

-- An entry on the register of one authority. What may change stands in registration_state and the tables below it.
CREATE TABLE registration (
    id TEXT PRIMARY KEY,
    child_id TEXT NOT NULL REFERENCES child (id),
    authority TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX registration_by_child ON registration (child_id);
CREATE INDEX registration_by_authority ON registration (authority, id);

CREATE TABLE registration_state (
    id TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registration (id),
    kind TEXT NOT NULL CHECK (kind IN ('full', 'temporary')),
    registered_on TEXT NOT NULL,
    removed_on TEXT,
    removal_ground TEXT,
    entered_in_error INTEGER NOT NULL,
    error_reason TEXT,
    legal_status TEXT,
    review_due_on TEXT,
    conference_held_on TEXT,
    conference_kind TEXT,
    conference_authority TEXT,
    home_region TEXT,
    home_authority TEXT,
    home_registration_id TEXT,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to),
    CHECK (removed_on IS NULL OR removed_on > registered_on),
    CHECK ((removed_on IS NULL) = (removal_ground IS NULL)),
    CHECK (kind <> 'full' OR conference_held_on IS NOT NULL),
    CHECK (kind <> 'temporary' OR home_authority IS NOT NULL)
) STRICT;
CREATE INDEX registration_state_by_registration ON registration_state (registration_id);

CREATE TABLE registration_category (
    id TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registration (id),
    category TEXT NOT NULL,
    code_set TEXT NOT NULL,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX registration_category_by_registration ON registration_category (registration_id);

CREATE TABLE registration_coordinator (
    id TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registration (id),
    name TEXT NOT NULL,
    person TEXT,
    phone TEXT,
    email TEXT,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX registration_coordinator_by_registration ON registration_coordinator (registration_id);
CREATE INDEX registration_coordinator_by_person ON registration_coordinator (person);

CREATE TABLE core_group_member (
    id TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registration (id),
    name TEXT NOT NULL,
    agency TEXT,
    role TEXT,
    phone TEXT,
    valid_from TEXT,
    valid_to TEXT,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    superseded_at TEXT,
    CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to)
) STRICT;
CREATE INDEX core_group_member_by_registration ON core_group_member (registration_id);

-- Where imported rows went: the same row again changes nothing, and a broken import goes on where it stopped.
CREATE TABLE import_record (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    row_digest TEXT NOT NULL,
    child_id TEXT NOT NULL REFERENCES child (id),
    imported_at TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
) STRICT;
