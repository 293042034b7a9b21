ALTER TABLE member_statement DROP COLUMN earlier;
