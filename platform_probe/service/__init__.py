"""The process that measures: its parts, its start and its end."""
