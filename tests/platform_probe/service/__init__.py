"""Tests of `platform_probe.service`."""
