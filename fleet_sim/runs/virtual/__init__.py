"""Runs in virtual time: as fast as it goes, the same bytes each time."""
