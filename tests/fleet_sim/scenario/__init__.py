"""Tests of `fleet_sim.scenario`."""
