"""The files of one run. Whatever is written is on its way to disk at once, line by line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from fleet_sim.limits import check_disk
from fleet_wire.errors import ConfigError

PACKAGES = ("unlockpath", "simpy", "mqtt5", "uvloop")
"""Whose versions may change what a run does."""


class RunDirectory:
    """A directory and the names of the files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, out: Path | None, *, scenario_name: str, seed: int) -> RunDirectory:
        """Make the directory, `runs/<scenario>-<seed>-<time>` by default.

        Raises `ConfigError` where it cannot be made or holds another run, `LimitError` where the
        disk is full.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        path = out or Path("runs") / f"{scenario_name}-{seed}-{stamp}"
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError([f"--out {path}: {error.strerror}"]) from None
        if (path / "manifest.json").exists():
            raise ConfigError([f"--out {path}: holds another run; choose another directory"])
        check_disk(path)
        return cls(path)

    def write_manifest(self, *, seed: int, mode: str, broker: str, scenario: Any) -> None:
        """Write what is needed to do the same run again."""
        self.write_json(
            "manifest.json",
            {
                "seed": seed,
                "mode": mode,
                "broker": broker,
                "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "versions": {
                    "python": sys.version.split()[0],
                    **{package: version(package) for package in PACKAGES},
                },
                "scenario": scenario,
            },
        )

    def write_json(self, name: str, value: Any) -> Path:
        """Write one file of JSON, whole or not at all."""
        path = self.path / name
        text = msgspec.json.format(msgspec.json.encode(value), indent=2)
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(text + b"\n")
        temporary.replace(path)
        return path

    def append(self, name: str, record: Mapping[str, Any]) -> None:
        """Append one line of JSON."""
        line = msgspec.json.encode(record) + b"\n"
        descriptor = os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
