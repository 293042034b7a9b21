DROP TABLE import_mismatch;
DROP TABLE import_result;
DROP TABLE import_chunk;
DROP TABLE import_run;
