"""Programs that play clients."""
