"""Tests of `fleet_wire.contract`."""
