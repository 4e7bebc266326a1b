"""Tests of `fleet_wire.links.lean`."""
