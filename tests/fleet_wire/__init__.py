"""Tests of `fleet_wire`."""
