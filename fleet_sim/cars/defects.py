"""Defects of the model: exceptions of model code.

The same rule holds live and in virtual time, for a box, a fault's process and a link's handler. The
defect is counted and logged, and the rest of the fleet continues. The run ends with exit code 2,
because its results are not to be trusted.
"""

from __future__ import annotations

import logging
from types import TracebackType

from fleet_wire.errors import UnlockpathError

MAX_KINDS = 20
"""Most kinds of defects that are logged, each once: a defect in every car must not fill the
disk."""
MAX_LETTERS = 300
_log = logging.getLogger(__name__)


class ModelDefectError(UnlockpathError):
    """The model is broken: what a run came to is not to be trusted."""

    def __init__(self, count: int, first: str | None) -> None:
        number = "a defect" if count == 1 else f"{count} defects"
        super().__init__(f"{number} of the model; the log has the traceback. The first: {first}")


class Defects:
    """The defects of one run so far."""

    __slots__ = ("_kinds", "count", "first")

    def __init__(self) -> None:
        self.count = 0
        self.first: str | None = None
        """The first defect and its location."""
        self._kinds: set[tuple[type[BaseException], str]] = set()

    def note(self, error: Exception) -> None:
        """Count a defect; log it where none of its kind was raised at its place before."""
        # SimPy raises a copy of what ended a process: the place is the original's.
        original = error.__cause__ or error
        place = _location_of(original.__traceback__)
        text = f"{type(original).__name__}: {original}"[:MAX_LETTERS] + f" ({place})"
        self.count += 1
        if self.first is None:
            self.first = text
        kind = (type(original), place)
        if kind not in self._kinds and len(self._kinds) < MAX_KINDS:
            self._kinds.add(kind)
            _log.error("the model failed: %s", text, exc_info=original)

    def check(self) -> None:
        """Raise `ModelDefectError` where there was one."""
        if self.count:
            raise ModelDefectError(self.count, self.first)


def _location_of(traceback: TracebackType | None) -> str:
    """Return module and line in which an exception was raised."""
    if traceback is None:
        return "raised nowhere"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_globals.get('__name__')}:{traceback.tb_lineno}"
