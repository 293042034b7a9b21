ALTER TABLE idempotency RESET (toast_tuple_target);
ALTER TABLE enquiry RESET (toast_tuple_target);
ALTER TABLE enquiry_key ADD CONSTRAINT enquiry_key_enquiry_id_fkey FOREIGN KEY (enquiry_id) REFERENCES enquiry (id);
