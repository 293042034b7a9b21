DROP TABLE missed_appointment;
