"""Unlocks followed from start to end, and why one failed. No I/O."""
