"""Ways to ask for an unlock."""
