"""Digests that runs must keep, on every machine and Python version."""
