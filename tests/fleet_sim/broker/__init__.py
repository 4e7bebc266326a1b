"""Tests of `fleet_sim.broker`."""
