"""What is measured of each unlock: what happened, with times; no opinion."""
