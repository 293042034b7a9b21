DROP TABLE clock_escalation;
DROP TABLE clock_departure;
DROP TABLE plan_milestone;
DROP TABLE core_group_meeting;
DROP TABLE visit;
