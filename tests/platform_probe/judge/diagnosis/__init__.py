"""Tests of `platform_probe.judge.diagnosis`."""
