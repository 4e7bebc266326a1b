"""What is known of each car, merged from its messages."""
