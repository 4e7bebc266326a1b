"""Tests of `fleet_sim.runs.virtual`."""
