"""Tests of `platform_probe.diagnosis`."""
