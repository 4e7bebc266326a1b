"""Configuration files, with errors that say file, line and key."""
