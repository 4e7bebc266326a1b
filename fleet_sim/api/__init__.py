"""The platform over HTTP: requests in, answers out, a description of both. It decides nothing."""
