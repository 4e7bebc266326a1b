"""Scenarios made of what a store knows of unlocks that failed: an incident, to be done again."""
