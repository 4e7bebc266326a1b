"""Commands as a user types them, where no broker is needed: stories of their processes."""
