"""Whether a client tells its user the truth about a lock, in every failure mode."""
