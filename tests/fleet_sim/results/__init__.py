"""Tests of `fleet_sim.results`."""
