"""Tests of fleet_sim/score."""
