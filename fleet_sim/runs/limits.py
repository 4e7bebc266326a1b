"""The machine's limits, checked before a run begins: each error names the limit and its cure."""

from __future__ import annotations

import resource
import shutil
from pathlib import Path

from fleet_wire.errors import LimitError

SPARE_DESCRIPTORS = 100
"""For files, pipes, the event loop and the other connections of a process."""
LEAST_FREE_BYTES = 50_000_000
"""A run writes about 1 KiB an unlock and a report of 5 MB."""


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
            " or spread the boxes over processes: fleet-sim boxes ... --shard K/N",
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def check_disk(directory: Path) -> None:
    """Raise `LimitError` where there is no room for a run's files."""
    free = shutil.disk_usage(directory).free
    if free < LEAST_FREE_BYTES:
        raise LimitError(
            f"{directory}: {free / 1e6:.0f} MB free, a run needs {LEAST_FREE_BYTES / 1e6:.0f} MB",
            f"df -h {directory}  (shows the disk; or choose another place with --out)",
        )
