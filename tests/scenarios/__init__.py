"""The shipped scenarios, and what a run of any scenario must keep to."""
