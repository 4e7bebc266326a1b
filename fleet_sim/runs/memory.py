"""How much memory this process has, and how much more it may have."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
STATM = Path("/proc/self/statm")


class _Files(NamedTuple):
    """A version's file names in cgroups: the memory limit, the usage, and its freeable part.

    The last is a line of `memory.stat`: what only caches files can be freed.
    """

    limit: str
    used: str
    cached: str


_V1: Final = _Files("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2: Final = _Files("memory.max", "memory.current", "inactive_file")
_UNLIMITED: Final = "max"


def rss_bytes() -> int:
    """Return the resident memory of this process: its peak where there is no /proc (macOS)."""
    try:
        pages = int(STATM.read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * os.sysconf("SC_PAGE_SIZE")


def available_bytes() -> int | None:
    """Return the memory that is free or can be freed; None where nobody says.

    It is that of the machine, or what the cgroup of a container or service has left, or one above
    it, whichever is least.
    """
    said = [_free_on_the_machine(), *(_free_below(*each) for each in _cgroups())]
    return min((each for each in said if each is not None), default=None)


def _free_on_the_machine() -> int | None:
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith("MemAvailable:")), None)
    return None if found is None else int(found.split()[1]) * 1024


def _cgroups() -> Iterator[tuple[Path, _Files]]:
    """Yield where a limit of ours may stand: our cgroup and those above it, of either version.

    A container sees its own as the uppermost, whatever path the kernel gives (cgroups(7)).
    """
    try:
        lines = OWN_CGROUP.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines or ["0::/"]:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, files = (CGROUP / "memory", _V1) if controllers else (CGROUP, _V2)
        own = top / path.strip("/")
        if ".." in own.parts:  # a container's own group, seen from inside
            own = top
        for directory in (own, *own.parents):
            yield directory, files
            if directory == top:
                break


def _free_below(directory: Path, files: _Files) -> int | None:
    """Return what is left below the limit of a cgroup; None where it has none that we may see."""
    try:
        limit, used, stat = (
            (directory / name).read_text(encoding="ascii")
            for name in (files.limit, files.used, "memory.stat")
        )
    except OSError:
        return None
    if limit.strip() == _UNLIMITED:
        return None
    cached = re.search(rf"^{files.cached} (\d+)$", stat, re.MULTILINE)
    return max(int(limit) - int(used) + (int(cached[1]) if cached else 0), 0)
