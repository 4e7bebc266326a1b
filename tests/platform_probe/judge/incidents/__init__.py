"""Tests of what makes incidents of findings."""
