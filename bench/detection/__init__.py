"""How soon problems are found, how often in vain, and what that costs."""
