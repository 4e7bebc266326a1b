"""Tests of `platform_probe.attempts`."""
