"""The store: writing, tidying, reading, and what stops it in the middle."""
