"""What a search with its page takes while other programs keep every core busy.

Of a console that gets what others leave, as beside a monitor, and of one that is only nice, as by
itself: both are asked in turns.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from statistics import median
from typing import Final
from urllib.parse import quote

from bench.results import aligned

ASKED_S: Final = 60.0
_BUSY: Final = (sys.executable, "-c", "while True: pass")

Get = Callable[[str, str], tuple[float, str]]


def pages_while_busy(addresses: Mapping[str, str], ids: Sequence[str], get: Get) -> str:
    """Return how long each console, by what it is called, took for a search with its page."""
    took: dict[str, list[float]] = {name: [] for name in addresses}
    for address in addresses.values():
        get(address, "/")
    with _busy_cores():
        until_s = time.monotonic() + ASKED_S
        for each in cycle(ids):
            for name, address in addresses.items():
                began_s = time.monotonic()
                _, location = get(address, f"/search?q={quote(each)}")
                get(address, location)
                took[name].append(time.monotonic() - began_s)
            if time.monotonic() > until_s:
                break
    rows = [["all cores busy", "median, s", "worst, s", "pages"]]
    for name, times in took.items():
        rows.append([name, f"{median(times):.2f}", f"{max(times):.2f}", f"{len(times)}"])
    return aligned(rows)


@contextmanager
def _busy_cores() -> Iterator[None]:
    """Keep every core busy with programs as they are: neither nice nor idle."""
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            process = stack.enter_context(subprocess.Popen(_BUSY))
            stack.callback(process.kill)
        yield
