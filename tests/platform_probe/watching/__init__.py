"""Tests of `platform_probe.watching`."""
