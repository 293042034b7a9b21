DROP TABLE task;
DROP TABLE notice;
DROP TABLE enquiry_key;
DROP TABLE enquiry_match;
DROP TABLE enquiry;
