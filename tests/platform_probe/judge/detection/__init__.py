"""Tests of what finds problems."""
