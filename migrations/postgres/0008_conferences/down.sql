ALTER TABLE registration_state DROP COLUMN removal_evidence;
ALTER TABLE registration_state DROP COLUMN removal_conference_id;
ALTER TABLE registration_state DROP COLUMN conference_id;
DROP TABLE conference_decision;
DROP TABLE conference_attendee;
DROP TABLE conference_state;
DROP TABLE conference;
DROP TABLE section47_state;
DROP TABLE section47;
