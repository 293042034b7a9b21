DROP TABLE event_acknowledgement;
DROP TABLE event;
