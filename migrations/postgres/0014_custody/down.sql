DROP TABLE custody_inbox;
DROP TABLE custody_outbox;
DROP TABLE transfer_step;
DROP TABLE transfer;
DROP TABLE custody;
