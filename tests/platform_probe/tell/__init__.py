"""Tests of `platform_probe.tell`."""
