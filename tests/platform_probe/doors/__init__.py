"""Tests of `platform_probe.doors`."""
