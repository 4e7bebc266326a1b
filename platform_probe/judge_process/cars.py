"""Checkpoints of a judge's knowledge of each car: its last presence and state.

Each is a file of journal lines, named by the position in the journal that it was made at. A judge
that starts reads the journal from the newest one that is old enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from fleet_wire.private_files import FOR_GROUP, write_whole
from platform_probe.journal.codec import UnreadableLineError, entry_of, line_of
from platform_probe.journal.entries import CarMessage
from platform_probe.journal.segments import Position
from platform_probe.judge.resuming import WINDOW_S

EVERY_S: Final = 600.0
"""Journal time between two checkpoints."""
_KEPT: Final = int(WINDOW_S / EVERY_S) + 2
_NAME: Final = re.compile(r"judge-cars-(\d+)-(\d+)-(\d+)\.jsonl")


class Checkpoint(NamedTuple):
    """A checkpoint on disk."""

    at: int
    """Journal time, whole seconds."""
    position: Position
    path: Path

    def messages(self) -> list[CarMessage]:
        """Return what it holds; a line that cannot be read is left out."""
        found: list[CarMessage] = []
        with self.path.open("rb") as file:
            for line in file:
                with suppress(UnreadableLineError):
                    entry = entry_of(line.rstrip(b"\n"))
                    if isinstance(entry, CarMessage):
                        found.append(entry)
        return found


def write_checkpoint(
    directory: Path, at: float, position: Position, messages: Iterable[CarMessage]
) -> None:
    """Write a checkpoint, and remove those that no judge will begin with. Raises `OSError`."""
    name = f"judge-cars-{int(at)}-{position.segment}-{position.offset}.jsonl"
    write_whole(directory / name, b"".join(map(line_of, messages)), FOR_GROUP)
    for old in checkpoints_in(directory)[:-_KEPT]:
        old.path.unlink(missing_ok=True)


def checkpoints_in(directory: Path) -> list[Checkpoint]:
    """Return the checkpoints of a directory, the oldest first."""
    found = []
    for path in directory.glob("judge-cars-*.jsonl"):
        if match := _NAME.fullmatch(path.name):
            at, segment, offset = map(int, match.groups())
            found.append(Checkpoint(at, Position(segment, offset), path))
    return sorted(found)


def checkpoint_before(directory: Path, at: float) -> Checkpoint | None:
    """Return the newest checkpoint made `WINDOW_S` before a moment; else the oldest one."""
    every = checkpoints_in(directory)
    old_enough = [each for each in every if each.at <= at - WINDOW_S]
    if old_enough:
        return old_enough[-1]
    return every[0] if every else None
