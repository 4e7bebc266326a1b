"""Where the reading of the platform's log goes on after a restart.

The place stands in a file beside the records. It is written every few seconds and at the stop, so
that the next process reads what was logged between stop and start, whatever ended this one.

It is never ahead of what was kept: it is written when all lines up to it are in the store, with how
much is there. What the store has of later lines is recognised by that, and so are unlocks that have
a record. So whatever ends a process, no line is lost, and none is kept twice.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from fleet_wire.clock import Clock
from fleet_wire.contract.platform_log import MAX_LINE_BYTES
from fleet_wire.private_files import FOR_OWNER, write_whole
from platform_probe.outputs.earlier import Written, written_so_far
from platform_probe.store.kept import Kept
from platform_probe.watching.tailed_file import Place, TailedFile

PLACE_FILE: Final = "platform_log_place.json"
WRITTEN_EVERY_S: Final = 2.0
UNDER_WAY_S: Final = 90.0
"""After a kill the lines of so long are read once more: an unlock may have been under way for twice
the deadline, and wait for the log. Those of unlocks that have a record are passed over."""
WhenKept = Callable[[Callable[[Kept | None], None]], object]
"""Calls what it is given when all lines up to now are in the store, with how much is there. Perhaps
from a thread, and perhaps never."""


class LogPlace(msgspec.Struct, frozen=True):
    """What stands in the file."""

    path: str
    """Of the log."""
    at: float
    """When all up to the place had been taken, Unix seconds."""
    place: Place
    earlier: Place
    """Where it was when the unlocks began that may be under way."""
    earlier_records: Written | None = None
    """How many records were written by then: those of later ones are of lines that come again."""
    records: Written | None = None
    """How many were written when all up to the place had been taken."""
    kept: Kept | None = None
    """How much was in the store when all up to the place was."""
    is_stop: bool = False
    """Whether the process had stopped, with a record of all that was under way."""


class Resumed(NamedTuple):
    """The log, opened."""

    file: TailedFile
    has_missed: bool
    """Whether something was logged that neither an earlier process has read nor this one will."""


def last_place(path: Path | None, directory: Path) -> LogPlace | None:
    """Return up to where an earlier process took this log; None: nothing says so."""
    said = directory / PLACE_FILE
    if path is None:
        return None
    with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
        if said.is_file():  # whoever reads from a pipe waits
            last = msgspec.json.decode(said.read_bytes(), type=LogPlace)
            return last if last.path == str(path.absolute()) else None
    return None


def open_resumed(path: Path, last: LogPlace | None, *, clock: Clock, within_s: float) -> Resumed:
    """Open the log where an earlier process stopped, at most `within_s` ago; else at its end."""
    if last is None:
        return Resumed(TailedFile(path, max_line_bytes=MAX_LINE_BYTES), has_missed=False)
    since = None
    if 0.0 <= clock.unix_s() - last.at <= within_s:
        since = last.place if last.is_stop else last.earlier
    file = TailedFile(path, max_line_bytes=MAX_LINE_BYTES, since=since, handed_on=last.place)
    return Resumed(file, has_missed=not file.is_resumed)


def at_once_kept(then: Callable[[Kept | None], None]) -> None:
    """Call it now, where no store keeps the lines: a `WhenKept`."""
    then(None)


def forget_place(directory: Path) -> None:
    """Take away what an earlier process said, which is of no use any more. Raises nothing."""
    with suppress(OSError):
        (directory / PLACE_FILE).unlink(missing_ok=True)


class Places:
    """Writes how far the log was taken. `on_end` is called when its end is reached at first.

    `on_problem` is called from where `when_kept` calls, perhaps a thread.
    """

    def __init__(
        self,
        file: TailedFile,
        path: Path,
        directory: Path,
        *,
        clock: Clock,
        on_end: Callable[[], None],
        on_problem: Callable[[str], None],
        when_kept: WhenKept = at_once_kept,
    ) -> None:
        self._file = file
        self._log = str(path.absolute())
        self._directory = directory
        self._clock = clock
        self._earlier: deque[tuple[float, Place, Written | None]] = deque()
        """Where it was every few seconds, and how many records were written, the oldest first."""
        self._on_end: Callable[[], None] | None = on_end
        self._on_problem = on_problem
        self._when_kept = when_kept
        self._taken: LogPlace | None = None
        self._asked: tuple[float, Place | None] | None = None
        """When it was last asked to be told when all is kept, and for which place."""
        self._written_s = -math.inf
        self._is_resuming = file.is_resumed
        """Whether lines are read that an earlier process may have handed on: while they are, what
        it wrote is what holds."""
        if (place := file.place()) is not None:
            self._note(place, clock.monotonic_s())

    def taken(self, is_end: bool) -> None:  # noqa: FBT001 - as `follow` calls it
        """Note that all that was read has been taken, and whether that is the end of the file."""
        if is_end and self._on_end is not None:
            self._on_end()
            self._on_end, self._is_resuming = None, False
        place, now_s = self._file.place(), self._clock.monotonic_s()
        if place is not None:
            self._note(place, now_s)
        if self._is_resuming:
            return
        taken, asked = self._taken, self._asked
        here = None if taken is None else taken.place
        if asked is None or asked[1] != here or now_s - asked[0] >= WRITTEN_EVERY_S:
            self._asked = now_s, here
            self._when_kept(partial(self._kept, taken, now_s))

    def stopped(self) -> None:
        """Write the place that was noted last, for the next process: all has a record now."""
        if self._taken is not None and not self._is_resuming:
            records = written_so_far(self._directory)
            last = msgspec.structs.replace(self._taken, is_stop=True, records=records)
            self._when_kept(lambda kept: self._write(last, kept))

    def _note(self, place: Place, now_s: float) -> None:
        earlier, records = self._earlier, written_so_far(self._directory)
        if earlier and (place.inode, place.device) != (earlier[0][1].inode, earlier[0][1].device):
            earlier.clear()  # what was in another file is not read again
        if not earlier or now_s - earlier[-1][0] >= WRITTEN_EVERY_S:
            earlier.append((now_s, place, records))
        while len(earlier) > 1 and earlier[1][0] <= now_s - UNDER_WAY_S:
            earlier.popleft()
        _, before, records_before = earlier[0]
        if before.offset > place.offset:
            before = place  # it was cut
        self._taken = LogPlace(
            self._log, self._clock.unix_s(), place, before, records_before, records
        )

    def _kept(self, taken: LogPlace | None, now_s: float, kept: Kept | None) -> None:
        is_due = now_s - self._written_s >= WRITTEN_EVERY_S
        if taken is None:
            forget_place(self._directory)  # there is no file: what comes is of a new one
        elif is_due or (kept is not None and kept.is_full):
            self._written_s = now_s
            self._write(taken, kept)

    def _write(self, taken: LogPlace, kept: Kept | None) -> None:
        to = self._directory / PLACE_FILE
        content = msgspec.json.encode(msgspec.structs.replace(taken, kept=kept))
        try:
            write_whole(to, content, FOR_OWNER)
        except OSError as error:
            self._on_problem(error.strerror or str(error))
