"""Commands as a user types them, for longer: stories of their processes."""
