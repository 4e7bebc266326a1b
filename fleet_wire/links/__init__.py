"""Links to a broker: the protocol, who makes one, when to connect again."""
