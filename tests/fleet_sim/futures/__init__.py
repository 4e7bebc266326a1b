"""Tests of `fleet_sim.futures`."""
