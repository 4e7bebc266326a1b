"""The customers, and their phones."""
