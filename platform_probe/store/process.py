"""The keeper as a process: `python -m platform_probe.store.process DIRECTORY LIMITS`.

It is a nice process of its own, so that sorting and packing do not disturb the timing of unlocks.
With a backlog so large that readers would wait for it, it uses its share. Ends when the store is
tidy, or with its input; prints one line of JSON, the report.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from fleet_wire.child_process import end_with_input
from platform_probe.journal.segments import COMPLETE
from platform_probe.store.keeper import keep
from platform_probe.store.layout import WAL
from platform_probe.store.limits import Limits

_NICE: Final = 15
_NICE_WHEN_BEHIND: Final = 0
_BEHIND: Final = 8
"""Complete write-ahead files that wait: 128 MiB, which are read in half a second [E]."""


def main() -> None:
    """Tidy the store once."""
    end_with_input()
    directory, limits = sys.argv[1:]
    is_behind = len(list((Path(directory) / WAL).glob(f"*{COMPLETE}"))) >= _BEHIND
    os.nice(_NICE_WHEN_BEHIND if is_behind else _NICE)
    report = keep(Path(directory), msgspec.json.decode(limits, type=Limits))
    with suppress(BrokenPipeError):  # who wanted to know has ended meanwhile
        os.write(1, msgspec.json.encode(report) + b"\n")


if __name__ == "__main__":
    main()
