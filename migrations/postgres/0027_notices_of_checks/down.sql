DROP INDEX notice_by_enquiry;
