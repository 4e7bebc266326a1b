"""Tests of `fleet_sim.platform`."""
