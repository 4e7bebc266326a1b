"""Destinations of records: files, metrics, logs."""
