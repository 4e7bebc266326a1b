"""Tests of `fleet_sim.pages`."""
