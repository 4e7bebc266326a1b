"""Records that a live run appends to files, as long as the disk takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from fleet_sim.runs.directory import RunDirectory


class Records:
    """Appends to the files of a run; where that fails it says so, once, and the run goes on."""

    def __init__(self, directory: RunDirectory, note: Callable[[str], None]) -> None:
        self._directory = directory
        self._note = note
        self._unwritable: set[str] = set()

    def append(self, name: str, record: Mapping[str, Any] | msgspec.Struct) -> None:
        """Append one line to the file of this name."""
        try:
            self._directory.append(name, record)
        except OSError as error:
            if name not in self._unwritable:
                self._unwritable.add(name)
                where = self._directory.path
                self._note(f"{where / name}: {error.strerror}; going on without it (df -h {where})")
