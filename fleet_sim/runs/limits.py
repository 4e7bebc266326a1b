"""The machine's limits, checked before a run begins: each error names the limit and its cure."""

from __future__ import annotations

import math
import os
import resource
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from fleet_sim.runs.memory import available_bytes
from fleet_wire.errors import LimitError

SPARE_DESCRIPTORS = 100
"""For files, pipes, the event loop and the other connections of a process."""
BYTES_A_BOX = 18_500
"""Measured memory of box, broker, kernel and monitor together: docs/decisions/0014,
docs/scale-reference.md."""
BYTES_A_BOX_ALONE = 9_000
"""Measured memory of box and kernel, if the brokers are elsewhere: docs/scale-reference.md."""
LEFT_FREE = 0.95
"""Share of the free memory that a run may plan to use: a moment later there may be less."""
LEAST_FREE_BYTES = 50_000_000
"""A run writes about 1 KiB an unlock and a report of 5 MB."""


def cores() -> int:
    """Return how many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_of_descriptors() -> float:
    """Return how many files a process here may have open; infinite without a limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return math.inf if hard == resource.RLIM_INFINITY else hard


def most_connections() -> float:
    """Return how many connections a process here may have, at least 1; infinite without a limit."""
    return max(limit_of_descriptors() - SPARE_DESCRIPTORS, 1)


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


def check_memory(boxes: int, *, with_brokers: bool, groups: Mapping[str, int]) -> None:
    """Raise `LimitError` if the machine or the container lacks the memory for `boxes` boxes.

    `with_brokers` says whether their brokers are to be here too. `groups` are those of the
    scenario, each with its number of cars.
    """
    bytes_a_box = BYTES_A_BOX if with_brokers else BYTES_A_BOX_ALONE
    needed, free = boxes * bytes_a_box, available_bytes()
    if free is not None and free < needed:
        room = free // bytes_a_box
        raise LimitError(
            f"{boxes:,} boxes{' and their brokers' if with_brokers else ''} need about"
            f" {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free: room for {room:,}",
            _fewer_cars(groups, LEFT_FREE * room / boxes)
            if with_brokers
            else "more memory for this machine or pod, or smaller shards: --shard K/N, a larger N",
        )


def _fewer_cars(groups: Mapping[str, int], share: float) -> str:
    """Return what leaves such a share of the cars, of each group; a group has one at the least."""
    counts = {name: max(math.floor(count * share), 1) for name, count in groups.items()}
    if sum(counts.values()) > sum(groups.values()) * share:
        return "free -g  (shows the memory; end what takes it)"
    words = (("--set", f"fleet.groups.{name}.count={count}") for name, count in counts.items())
    flags = " ".join(map(shlex.join, words))
    return f"{flags}  (or free -g, and end what takes it)"


def check_disk(directory: Path) -> None:
    """Raise `LimitError` where there is no room for a run's files."""
    free = shutil.disk_usage(directory).free
    if free < LEAST_FREE_BYTES:
        raise LimitError(
            f"{directory}: {free / 1e6:.0f} MB free, a run needs {LEAST_FREE_BYTES / 1e6:.0f} MB",
            f"df -h {directory}  (shows the disk; or choose another place with --out)",
        )
