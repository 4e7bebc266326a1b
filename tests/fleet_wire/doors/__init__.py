"""Tests of `fleet_wire.doors`."""
