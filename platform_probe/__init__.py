"""The monitor: sends unlocks, follows each through its stages, and says why one failed."""
