"""A first draft of a profile, from what a broker carries."""
