"""Tests of `fleet_sim.api`."""
