"""Programs that play clients: each reads presses from stdin and prints what its user sees."""
