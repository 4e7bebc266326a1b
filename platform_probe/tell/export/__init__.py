"""Scenarios of failed unlocks in a store: incidents that can be run again."""
