"""When synthetic unlocks start."""
