-- That a person at an authority of another region has read of a check that was asked here, as that region tells it: once, however
-- often it is sent. `entry`: how that region named the entry in its answer. `role`: the office, never the person.
CREATE TABLE check_reading (
    region TEXT NOT NULL,
    message_id UUID NOT NULL,
    enquiry_id UUID NOT NULL REFERENCES enquiry (id),
    entry TEXT NOT NULL,
    role TEXT NOT NULL,
    read_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (region, message_id)
);
CREATE INDEX check_reading_by_enquiry ON check_reading (enquiry_id);
