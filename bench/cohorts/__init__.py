"""How well cohorts are found: in incidents of our own making, and in those of others."""
