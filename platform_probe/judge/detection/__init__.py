"""What is not as it was: sequential tests over all unlocks and every cohort. No I/O, no clock."""
