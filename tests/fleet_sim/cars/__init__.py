"""Tests of `fleet_sim.cars`."""
