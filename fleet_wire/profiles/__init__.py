"""How the topics and payloads of a fleet map to the messages of the contract."""
