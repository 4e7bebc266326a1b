"""Detect stalls of the monitor itself: it cannot time what it reads after one.

A process that was stopped, swapped out or starved reads everything at once when it resumes.
Commands and answers that were seconds apart look simultaneous, and deadlines passed while answers
were unread. A beat is noted every `BEAT_S` seconds; a late beat shows a stall.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

BEAT_S: Final = 0.1
MIN_GAP_S: Final = 0.5
"""The least gap that counts: shorter ones change no conclusion, as unlocks last seconds."""
CATCH_UP_S: Final = 1.0
CATCH_UP_SHARE: Final = 0.1
"""The share of a gap that reading the backlog takes: at least ten times as fast as it arrived."""
MAX_GAPS: Final = 100


class _Gap(NamedTuple):
    began_s: float
    ended_s: float
    caught_up_s: float
    """What is read until then may have been waiting."""


class Gaps:
    """Finds gaps between beats. No beats means no gaps. `on_gap` gets the length of each."""

    def __init__(self, on_gap: Callable[[float], None] | None = None) -> None:
        self._on_gap = on_gap
        self.none_before_s = math.inf
        """Messages read before this time cannot have waited, so they need no check."""
        self._beat_s = math.inf
        self._caught_up_s = -math.inf
        self._gaps: deque[_Gap] = deque(maxlen=MAX_GAPS)
        self.total_s = 0.0
        """The length of all gaps together."""

    def beat(self, now_s: float) -> None:
        """Note that the event loop turns."""
        self._check_gap(now_s)
        self._beat_s = now_s
        self.none_before_s = now_s + MIN_GAP_S if now_s >= self._caught_up_s else now_s

    def is_catching_up(self, now_s: float) -> bool:
        """Return whether what is read now may have been waiting since before."""
        self._check_gap(now_s)
        return now_s < self._caught_up_s

    def longest_s(self, from_s: float, to_s: float) -> float:
        """Return the longest gap that makes times between the two doubtful; 0.0 without one."""
        if not self._gaps:
            return 0.0  # nearly always
        return max(
            (
                gap.ended_s - gap.began_s
                for gap in self._gaps
                if gap.began_s <= to_s and from_s < gap.caught_up_s
            ),
            default=0.0,
        )

    def _check_gap(self, now_s: float) -> None:
        gap_s = now_s - self._beat_s
        if gap_s < MIN_GAP_S:
            return
        self._caught_up_s = now_s + CATCH_UP_S + CATCH_UP_SHARE * gap_s
        self._gaps.append(_Gap(self._beat_s, now_s, self._caught_up_s))
        self.total_s += gap_s
        self._beat_s = now_s
        if self._on_gap is not None:
            self._on_gap(gap_s)
