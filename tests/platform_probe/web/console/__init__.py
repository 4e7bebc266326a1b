"""Tests of `platform_probe.web.console`."""
