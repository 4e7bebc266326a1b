"""Scenarios made of evidence."""
