"""The store beside other ways to keep lines: what they take in, how small, how fast they find."""
