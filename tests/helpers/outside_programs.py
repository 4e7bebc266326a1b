"""The programs from outside that tests start, and the marker that a test has which starts them.

A test without the marker finds in the place of each such program one that says so and fails. So no
marker is forgotten, and `pytest -m "not broker"` runs where there is no mosquitto.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from fleet_sim.broker import process as broker_process

OPTIONAL = ("other_brokers", "strangers")
"""The markers of what only `make conformance` runs: RabbitMQ and ejabberd, both in Erlang, and
programs of others that it installs."""
PROGRAMS = {
    "broker": ("mosquitto", "mosquitto_passwd"),
    "browser": ("chromium", "chromium-browser"),
    "compiler": ("gcc",),
    "compose": ("docker-compose",),
    "images": ("buildah", "debootstrap"),
    "jq": ("jq",),
    "kustomize": ("kustomize",),
    "namespaces": ("unshare",),
    "other_brokers": ("erl", "epmd"),
    "prometheus": ("prometheus", "promtool", "prometheus-alertmanager", "amtool"),
    "s3": ("radosgw", "radosgw-admin"),
    "strangers": ("mosquitto_rr",),
    "systemd": ("systemd-analyze",),
    "victoria": ("victoria-metrics",),
}
DASK = "distributed"
"""Dask is a Python package, of an extra: sweeps import it when they are given a scheduler."""


def refusal(marker: str) -> str:
    """Return what a stand-in says."""
    return f"a test that needs this has the marker {marker}: tests/README.md"


class StandIns:
    """A plugin of pytest that hides from each test the programs for which it has no marker."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        for marker, programs in PROGRAMS.items():
            script = f"#!/bin/sh\necho '{refusal(marker)}' >&2\nexit 1\n"
            for program in programs:
                self._write(marker, program, script).chmod(0o755)
        self._write("dask", f"{DASK}.py", f"raise ImportError('{refusal('dask')}')\n")

    def _write(self, marker: str, name: str, text: str) -> Path:
        path = self._directory / marker / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Hide them before any fixture of the test is made, of whatever scope."""
        markers = {marker.name for marker in item.iter_markers()}
        others = sorted(PROGRAMS.keys() - markers)
        stand_ins = os.pathsep.join(f"{self._directory}/{marker}" for marker in others)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", stand_ins, prepend=os.pathsep)
            searched = stand_ins + os.pathsep + broker_process._SEARCH_PATH
            patch.setattr(broker_process, "_SEARCH_PATH", searched)
            if "dask" not in markers:
                patch.setenv("PYTHONPATH", f"{self._directory / 'dask'}", prepend=os.pathsep)
                patch.setitem(sys.modules, DASK, None)
            return (yield)
