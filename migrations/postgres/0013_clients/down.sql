DROP TABLE client_assertion;
DROP TABLE client;
