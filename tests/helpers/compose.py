"""docker-compose.yml as docker-compose itself resolves it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec

from tests.helpers.places import ROOT


def compose_services() -> dict[str, Any]:
    """Return the services; fail with what docker-compose says of the file."""
    run = subprocess.run(
        ["docker-compose", "config", "--format", "json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    # It writes a dollar as it stands in the file: twice.
    services: dict[str, Any] = msgspec.json.decode(run.stdout.replace("$$", "$"))["services"]
    return services


def in_tree(service: dict[str, Any], place: str) -> Path:
    """Return the file of this tree that the container sees at `place`."""
    volumes = service.get("volumes", [])
    for volume in sorted(volumes, key=lambda each: len(each["target"]), reverse=True):
        target = volume["target"]
        if volume["type"] == "bind" and (place == target or place.startswith(f"{target}/")):
            return Path(volume["source"]) / place.removeprefix(target).lstrip("/")
    raise AssertionError(f"{place} is not mounted")
