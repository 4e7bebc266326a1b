"""Mitigations of an incident, as files: the form, those that ship, and how one acts."""
