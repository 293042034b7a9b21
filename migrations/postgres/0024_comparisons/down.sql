DROP TABLE comparison_difference;
DROP TABLE comparison;
