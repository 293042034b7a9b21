DROP TABLE child_practice;
