"""Tests of `fleet_wire.config`."""
