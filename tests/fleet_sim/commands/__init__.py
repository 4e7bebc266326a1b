"""Tests of `fleet_sim.commands`."""
