"""Tests of `fleet_sim.sweeps`."""
