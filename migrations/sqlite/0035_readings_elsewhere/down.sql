DROP TABLE check_reading;
