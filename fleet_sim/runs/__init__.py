"""Runs: what live and virtual ones share."""
