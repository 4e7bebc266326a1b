"""Clients under test, and their grades."""
