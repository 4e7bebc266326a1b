"""Tests of `platform_probe.outputs.otlp`."""
