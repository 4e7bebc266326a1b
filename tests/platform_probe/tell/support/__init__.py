"""What a support agent reads."""
