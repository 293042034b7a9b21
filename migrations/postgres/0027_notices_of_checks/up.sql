-- Whoever asked sees whether somebody has read of it: the notices of a check.
CREATE INDEX notice_by_enquiry ON notice (enquiry_id);
