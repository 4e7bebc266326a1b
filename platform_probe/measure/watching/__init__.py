"""What is heard from the fleet."""
