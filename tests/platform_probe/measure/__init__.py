"""Tests of `platform_probe.measure`."""
