"""Tests of `fleet_sim.customers`."""
