"""Commands as a user types them, on real brokers: stories of their processes."""
