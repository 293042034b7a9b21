DROP INDEX child_by_authority_and_id;
DROP TABLE legal_hold;
DROP TABLE child_withdrawal;
DROP TABLE referral;
DROP TABLE child_census;
