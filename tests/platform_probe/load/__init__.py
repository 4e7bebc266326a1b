"""Tests of `platform_probe.load`."""
