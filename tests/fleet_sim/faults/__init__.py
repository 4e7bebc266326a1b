"""Tests of `fleet_sim.faults`."""
