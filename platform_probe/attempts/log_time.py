"""How far the platform's log has come, and which of its lines are from another time."""

from __future__ import annotations

import math
from typing import Final

FIRST_APART_S: Final = 86_400.0
"""So far the platform's clock may be from the monitor's at first, ahead or behind."""
AHEAD_S: Final = 3_600.0
"""No log is silent and then so far ahead of the time that has passed: the line is wrong."""
STRANGE_LINES: Final = 100
STRANGE_S: Final = 60.0
"""So many strange lines in a row, for so long, and none that fits: the platform's clock was set. A
file that is read again from its beginning takes seconds."""


class LogTime:
    """Follows the times of lines, which are Unix seconds on the platform's clock."""

    def __init__(self, *, keep_s: float, unix_s: float, now_s: float) -> None:
        """Take lines that are `keep_s` older than the newest. `unix_s` is the monitor's own."""
        self._keep_s = keep_s
        self.newest_at = -math.inf
        """The latest time of all lines that fit."""
        self.was_set = False
        """Whether the clock was set since somebody looked."""
        self._fits_at = unix_s
        """A time that fits, when the monotonic clock was at `_fits_s`."""
        self._fits_s = now_s
        self._strange = 0
        self._strange_since_s = now_s

    def take(self, at: float, now_s: float) -> bool:
        """Take a line's time; return whether the line is to be taken as well."""
        if self._is_strange(at, now_s):
            if self._strange == 0:
                self._strange_since_s = now_s
            self._strange += 1
            is_new_time = now_s - self._strange_since_s >= STRANGE_S
            if self._strange < STRANGE_LINES or not is_new_time:
                return False
            self.newest_at = -math.inf
            self.was_set = True
        self._strange = 0
        if at > self.newest_at:
            self.newest_at = self._fits_at = at
            self._fits_s = now_s
        return True

    def _is_strange(self, at: float, now_s: float) -> bool:
        expected_at = self._fits_at + now_s - self._fits_s
        if self.newest_at == -math.inf:
            return abs(at - expected_at) > FIRST_APART_S
        return at > expected_at + AHEAD_S or at < self.newest_at - self._keep_s
