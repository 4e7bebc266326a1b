"""The machine's limits, checked before a run begins: each error names the limit and its cure."""

from __future__ import annotations

import math
import resource
import shutil
from pathlib import Path

from fleet_wire.errors import LimitError

SPARE_DESCRIPTORS = 100
"""For files, pipes, the event loop and the other connections of a process."""
BYTES_A_BOX = 18_000
"""Of box, broker and kernel together, as measured: docs/decisions/0014."""
LEAST_FREE_BYTES = 50_000_000
"""A run writes about 1 KiB an unlock and a report of 5 MB."""


def most_connections() -> float:
    """Return how many connections a process here may have, at least 1; infinite without a limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return math.inf if hard == resource.RLIM_INFINITY else max(hard - SPARE_DESCRIPTORS, 1)


def raise_descriptor_limit(connections: int) -> None:
    """Raise the soft limit of open files as far as `connections` need.

    Raises `LimitError` where the hard limit is too low.
    """
    needed = connections + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise LimitError(
            f"{connections} boxes need {needed} open files; the limit of a process here is {hard}",
            f"ulimit -Hn {needed}  (as root, in the shell that starts this),"
            " or spread the boxes over processes: --processes N, or --shard K/N",
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def check_memory(boxes: int) -> None:
    """Raise `LimitError` where the machine has not the memory for so many boxes."""
    needed = boxes * BYTES_A_BOX
    free = _available_bytes()
    if free is not None and free < needed:
        raise LimitError(
            f"{boxes:,} boxes and their brokers need about {needed / 1e9:.1f} GB of memory,"
            f" {free / 1e9:.1f} GB are free: room for {free // BYTES_A_BOX:,}",
            f"--set fleet.count={max(free // BYTES_A_BOX, 1)}  (of all groups together; or free -g,"
            " and end what takes it)",
        )


def _available_bytes() -> int | None:
    """Return the memory that is free or can be freed (Linux); None where nobody says."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith("MemAvailable:")), None)
    return None if found is None else int(found.split()[1]) * 1024


def check_disk(directory: Path) -> None:
    """Raise `LimitError` where there is no room for a run's files."""
    free = shutil.disk_usage(directory).free
    if free < LEAST_FREE_BYTES:
        raise LimitError(
            f"{directory}: {free / 1e6:.0f} MB free, a run needs {LEAST_FREE_BYTES / 1e6:.0f} MB",
            f"df -h {directory}  (shows the disk; or choose another place with --out)",
        )
