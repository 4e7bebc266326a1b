"""What the fleet costs, side by side with other client stacks. Start it with `make bench`."""
