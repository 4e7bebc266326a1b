"""Futures of an incident: what each mitigation would save, in virtual time without a monitor."""
