"""Where the reading of the platform's log goes on after a restart.

The place stands in a file beside the records. It is written every few seconds and at the stop, so
that the next process reads what was logged between stop and start, whatever ended this one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from fleet_wire.clock import Clock
from fleet_wire.contract.platform_log import MAX_LINE_BYTES
from platform_probe.watching.tailed_file import Place, TailedFile

PLACE_FILE: Final = "platform_log_place.json"
WRITTEN_EVERY_S: Final = 2.0
UNDER_WAY_S: Final = 90.0
"""After a kill the lines of so long are read once more: an unlock may have been under way for twice
the deadline, and wait for the log. Those of unlocks that have a record are passed over."""


class _Written(msgspec.Struct, frozen=True):
    """What stands in the file."""

    path: str
    """Of the log."""
    at: float
    """When all up to the place had been taken, Unix seconds."""
    place: Place
    newest_at: float
    """The latest time of the lines up to there, on the platform's clock."""
    earlier: Place
    """Where it was when the unlocks began that may be under way."""
    is_stop: bool = False
    """Whether the process had stopped, with a record of all that was under way."""


class Resumed(NamedTuple):
    """The log, opened."""

    file: TailedFile
    has_missed: bool
    """Whether something was logged that neither an earlier process has read nor this one will."""
    told_until_at: float = -math.inf
    """Up to when the earlier process has handed on what is read once more: it was killed, and what
    was under way has no record."""


def open_resumed(path: Path, directory: Path, *, clock: Clock, within_s: float) -> Resumed:
    """Open the log where an earlier process stopped, at most `within_s` ago; else at its end."""
    written: _Written | None = None
    with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
        said = directory / PLACE_FILE
        if said.is_file():  # whoever reads from a pipe waits
            written = msgspec.json.decode(said.read_bytes(), type=_Written)
    if written is None or written.path != str(path.absolute()):
        return Resumed(TailedFile(path, max_line_bytes=MAX_LINE_BYTES), has_missed=False)
    since = None
    if 0.0 <= clock.unix_s() - written.at <= within_s:
        since = written.place if written.is_stop else written.earlier
    file = TailedFile(path, max_line_bytes=MAX_LINE_BYTES, since=since)
    if not file.is_resumed or written.is_stop:
        return Resumed(file, has_missed=not file.is_resumed)
    return Resumed(file, has_missed=False, told_until_at=written.newest_at)


class Places:
    """Writes how far the log was taken. `on_end` is called when its end is reached at first."""

    def __init__(
        self,
        file: TailedFile,
        path: Path,
        directory: Path,
        *,
        clock: Clock,
        newest_at: Callable[[], float],
        on_end: Callable[[], None],
        on_problem: Callable[[str], None],
    ) -> None:
        self._file = file
        self._log = str(path.absolute())
        self._to = directory / PLACE_FILE
        self._clock = clock
        self._newest_at = newest_at
        self._earlier: deque[tuple[float, Place]] = deque()
        """Where it was every few seconds, the oldest first."""
        self._on_end: Callable[[], None] | None = on_end
        self._on_problem = on_problem
        self._taken: _Written | None = None
        self._written_s = -math.inf

    def taken(self, is_end: bool) -> None:  # noqa: FBT001 - as `follow` calls it
        """Note that all that was read has been taken, and whether that is the end of the file."""
        if is_end and self._on_end is not None:
            self._on_end()
            self._on_end = None
        place, now_s = self._file.place(), self._clock.monotonic_s()
        if place is not None:
            self._note(place, now_s)
        if now_s - self._written_s >= WRITTEN_EVERY_S:
            self._written_s = now_s
            self._write()

    def stopped(self) -> None:
        """Write the place that was noted last, for the next process."""
        if self._taken is not None:
            self._taken = msgspec.structs.replace(self._taken, is_stop=True)
        self._write()

    def _note(self, place: Place, now_s: float) -> None:
        earlier = self._earlier
        if earlier and (place.inode, place.device) != (earlier[0][1].inode, earlier[0][1].device):
            earlier.clear()  # what was in another file is not read again
        if not earlier or now_s - earlier[-1][0] >= WRITTEN_EVERY_S:
            earlier.append((now_s, place))
        while len(earlier) > 1 and earlier[1][0] <= now_s - UNDER_WAY_S:
            earlier.popleft()
        newest_at, before = self._newest_at(), earlier[0][1]
        if before.offset > place.offset:
            before = place  # it was cut
        if newest_at == -math.inf:
            newest_at = 0.0  # JSON has no infinity
        self._taken = _Written(self._log, self._clock.unix_s(), place, newest_at, before)

    def _write(self) -> None:
        if self._taken is None:
            return
        new = self._to.with_suffix(".new")
        try:
            new.write_bytes(msgspec.json.encode(self._taken))
            new.replace(self._to)
        except OSError as error:
            self._on_problem(error.strerror or str(error))
