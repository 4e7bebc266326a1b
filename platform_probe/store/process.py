"""The keeper as a process: `python -m platform_probe.store.process DIRECTORY LIMITS`.

Of its own, and nice, so that sorting and packing take nothing from whoever times unlocks. Ends when
the store is tidy; prints one line of JSON, the report.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from platform_probe.store.keeper import keep
from platform_probe.store.limits import Limits

_NICE: Final = 15


def main() -> None:
    """Tidy the store once."""
    os.nice(_NICE)
    directory, limits = sys.argv[1:]
    report = keep(Path(directory), msgspec.json.decode(limits, type=Limits))
    os.write(1, msgspec.json.encode(report) + b"\n")


if __name__ == "__main__":
    main()
