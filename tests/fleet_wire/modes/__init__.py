"""Tests of fleet_wire/modes."""
