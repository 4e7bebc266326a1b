"""Tests of `platform_probe.learn`."""
