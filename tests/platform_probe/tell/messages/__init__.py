"""Tests of the messages about incidents."""
