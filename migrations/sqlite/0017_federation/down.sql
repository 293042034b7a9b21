DROP TABLE check_waiting;
DROP TABLE peer_message;
DROP TABLE member_statement;
DROP TABLE federation_directory;
