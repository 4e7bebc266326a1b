"""docker-compose.yml as docker-compose itself resolves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from tests.helpers.shipped import output_of


def compose_services() -> dict[str, Any]:
    """Return the services; fail with what docker-compose says of the file."""
    said = output_of("docker-compose", "config", "--format", "json")
    # It writes a dollar as it stands in the file: twice.
    services: dict[str, Any] = msgspec.json.decode(said.replace("$$", "$"))["services"]
    return services


def in_tree(service: dict[str, Any], place: str) -> Path:
    """Return the file of this tree that the container sees at `place`."""
    volumes = service.get("volumes", [])
    for volume in sorted(volumes, key=lambda each: len(each["target"]), reverse=True):
        target = volume["target"]
        if volume["type"] == "bind" and (place == target or place.startswith(f"{target}/")):
            return Path(volume["source"]) / place.removeprefix(target).lstrip("/")
    raise AssertionError(f"{place} is not mounted")
