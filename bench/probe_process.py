"""The real probe in a process of its own, for what is measured around it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import msgspec

from bench.fleets.common import FLEET_SECRET, vehicle_id_of


def settings_in(directory: Path, broker: str) -> dict[str, Any]:
    """Return settings with all files in a directory, on any free port."""
    return {
        "broker": broker,
        "fleet_secret": FLEET_SECRET,
        "listen": "127.0.0.1:0",
        "out_dir": str(directory),
        "log_file": str(directory / "probe.log.jsonl"),
        "rotation": None,
    }


def settings_with_load(
    directory: Path, broker: str, *, boxes: int, rate_per_s: float, duration_s: float
) -> dict[str, Any]:
    """Return settings with unlocks of the bench's first boxes, at a constant rate.

    Cars are not locked again: the time of an unlock is measured, and these cars are nobody's.
    """
    stage = {"kind": "constant", "rate_per_s": rate_per_s, "duration_s": duration_s}
    return {
        **settings_in(directory, broker),
        "log_level": "warning",
        "seed": 1,
        "load": {
            "stages": [stage],
            "vehicles_file": vehicles_file_in(directory, boxes),
            "relock": False,
        },
    }


def vehicles_file_in(directory: Path, count: int) -> str:
    """Write the ids of the bench's first `count` cars; return the file's path."""
    path = directory / "vehicles.txt"
    path.write_text("".join(f"{vehicle_id_of(index)}\n" for index in range(count)), "ascii")
    return str(path)


async def start_probe(
    directory: Path, settings: dict[str, Any], *, stderr: int | None = None
) -> Process:
    """Start a probe with these settings; its standard output is a pipe."""
    config = directory / "probe.yaml"
    config.write_bytes(msgspec.json.encode(settings))  # JSON is YAML
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "platform_probe", "run", "--config", str(config)),
        stdout=PIPE,
        stderr=stderr,
    )


def child_of(pid: int, module: str) -> int | None:
    """Return the process id of a monitor's child that runs a module; None: there is none now."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = path.read_text().rpartition(")")[2].split()[1]
            command = path.with_name("cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if parent == str(pid) and module.encode() in command:
            return int(path.parent.name)
    return None
