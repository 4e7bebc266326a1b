"""Tests of the texts in each language."""
