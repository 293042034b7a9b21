DROP TABLE match_summary;
DROP TABLE match_token_stat;
DROP TABLE match_key_stat;
DROP TABLE match_key;
DROP TABLE match_record;
