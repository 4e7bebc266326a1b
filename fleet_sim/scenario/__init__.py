"""Scenarios: the form, and how a file is loaded and checked."""
