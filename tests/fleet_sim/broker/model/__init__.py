"""Tests of `fleet_sim.broker.model`."""
