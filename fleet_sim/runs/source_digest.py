"""The code that decides the bytes of a run in virtual time: our own source, and two packages.

The version of a release stays the same from commit to commit, so the source itself is compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("fleet_wire", "fleet_sim", "platform_probe")
DECIDES_NOTHING = (
    "fleet_sim/__main__",
    "fleet_sim/broker/process",
    "fleet_sim/commands/",
    "fleet_sim/pages/",
    "fleet_sim/results/comparison",
    "fleet_sim/results/junit",
    "fleet_sim/results/readable",
    "fleet_sim/results/report",
    "fleet_sim/results/uncertainty",
    "fleet_sim/runs/live/",
    "fleet_sim/runs/progress",
    "fleet_sim/runs/suite",
    "fleet_sim/sweeps/",
    "fleet_wire/background",
    "fleet_wire/links/connecting",
    "fleet_wire/links/lean/",
    "fleet_wire/links/tls",
    "platform_probe/__main__",
    "platform_probe/commands/",
    "platform_probe/journal/files",
    "platform_probe/outputs/logs",
    "platform_probe/outputs/metrics",
    "platform_probe/service/monitor_parts",
    "platform_probe/service/running",
    "platform_probe/service/service",
    "platform_probe/web/",
)
"""The path prefixes of code that a run in virtual time neither runs nor records.

All other code counts: a new module changes the digest until it is known not to matter."""
ALSO_DECIDE = ("simpy", "msgspec")
"""The order of events, and how a number is written."""


@cache
def source_digest() -> str:
    """Return a digest of the source that decides, as it is installed here."""
    return digest_of_sources(_parent_of(package) / package for package in PACKAGES)


def digest_of_sources(packages: Iterable[Path]) -> str:
    """Return a digest of those files in package directories that decide."""
    digest = blake2b(digest_size=8)
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            name = path.relative_to(package.parent).as_posix()
            if not name.startswith(DECIDES_NOTHING):
                source = path.read_bytes()
                digest.update(f"{name} {len(source)}\n".encode() + source)
    return digest.hexdigest()


def _parent_of(package: str) -> Path:
    spec = find_spec(package)  # found, not imported: the cars do not know the probe
    assert spec is not None  # noqa: S101 - the three are installed together
    assert spec.origin is not None  # noqa: S101 - each has an __init__.py
    return Path(spec.origin).parent.parent


def versions() -> dict[str, str]:
    """Return the versions here of what decides, for people to read and programs to compare."""
    ours = f"{version('unlockpath')} (source {source_digest()})"
    return {"unlockpath": ours, **{package: version(package) for package in ALSO_DECIDE}}
