"""Tests of `platform_probe.settings`."""
