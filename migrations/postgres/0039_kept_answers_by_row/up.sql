-- PostgreSQL keeps every table's rows beside its indexes.
SELECT 1;
