"""Tests of `fleet_wire.web`."""
