ALTER TABLE household_member DROP COLUMN nhs_number;
DROP TABLE break_glass;
DROP TABLE duplicate_check;
DROP TABLE possible_duplicate;
DROP TABLE identity_decision;
DROP TABLE child_shielding;
DROP TABLE correction;
DROP TABLE pregnancy;
