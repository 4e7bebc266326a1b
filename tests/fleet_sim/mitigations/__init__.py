"""Tests of `fleet_sim.mitigations`."""
