"""The commands as a user types them, on real brokers and sockets."""
