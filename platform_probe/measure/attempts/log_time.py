"""How far the platform's log has come, and which of its lines are from another time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

FIRST_APART_S: Final = 86_400.0
"""The largest difference at first between the platform's clock and the monitor's, ahead or behind.
"""
AHEAD_S: Final = 3_600.0
"""No log is silent and then so far ahead of the time that has passed: the line is wrong."""
STRANGE_LINES: Final = 100
STRANGE_S: Final = 60.0
"""The platform's clock was set if lines are strange in a row for so long, and none fits.

A file that is read again from its beginning takes seconds.
"""


class LogTime:
    """Follows the times of lines, which are Unix seconds on the platform's clock."""

    def __init__(self, *, keep_s: float, unix_s: float, now_s: float) -> None:
        """Accept lines that are `keep_s` older than the newest. `unix_s` is the monitor's own."""
        self._keep_s = keep_s
        self.newest_at = -math.inf
        """The latest time of all lines that fit."""
        self.was_set = False
        """Whether the clock was set since somebody looked."""
        self._oldest_at = math.inf
        """Lines before this are too old; infinity while there is no newest one."""
        self._ahead_s = unix_s - now_s
        """How far a time that fits was ahead of the monotonic clock."""
        self._strange = 0
        self._strange_since_s = now_s

    def accept_all(self, times: Sequence[float], now_s: float) -> bool:
        """Accept the times of lines that arrived together, if all of them fit whatever their order.

        Else take none: then each is asked for by itself.
        """
        first_at, last_at = min(times), max(times)
        is_fitting = (
            self._oldest_at <= first_at
            and last_at <= now_s + self._ahead_s + AHEAD_S
            and last_at - first_at <= min(self._keep_s, AHEAD_S)
        )
        if is_fitting:
            self._strange = 0
            if last_at > self.newest_at:
                self._note_newest(last_at, now_s)
        return is_fitting

    def accept(self, at: float, now_s: float) -> bool:
        """Accept a line's time; return whether the line counts as well."""
        if self._oldest_at <= at <= now_s + self._ahead_s + AHEAD_S:  # nearly always
            self._strange = 0
            if at > self.newest_at:
                self._note_newest(at, now_s)
            return True
        if self._is_first(at - now_s - self._ahead_s) or self._is_new_time(now_s):
            self._strange = 0
            self._note_newest(at, now_s)
            return True
        return False

    def _note_newest(self, at: float, now_s: float) -> None:
        self.newest_at, self._oldest_at, self._ahead_s = at, at - self._keep_s, at - now_s

    def _is_first(self, ahead_s: float) -> bool:
        """Return whether a line is the first that fits: the clocks may be further apart then."""
        return self.newest_at == -math.inf and abs(ahead_s) <= FIRST_APART_S

    def _is_new_time(self, now_s: float) -> bool:
        """Count a strange line; return whether there were so many that the clock was set."""
        if self._strange == 0:
            self._strange_since_s = now_s
        self._strange += 1
        if self._strange < STRANGE_LINES or now_s - self._strange_since_s < STRANGE_S:
            return False
        self.was_set = True
        return True
