"""Estimate the offset of the platform's clock from the monitor's, by the quickest messages.

The platform publishes a command at `P` on its clock, and the monitor sees it at `M` on its own.
`M - P` is the clocks' offset plus the command's delay from the platform over the broker to the
monitor. The least `M - P` of many commands has the shortest delay (Paxson, "On calibrating
measurements of packet transit times", SIGMETRICS 1998; NTP's clock filter, RFC 5905, section 10,
selects the quickest sample too).

The quickest PUBACK gives the least round trip between platform and broker. The round trip between
monitor and broker is assumed to be as long. If both directions are equally fast, the shortest delay
of a command is half of each, so one round trip. It is subtracted, and is the possible error too.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

WINDOW_S: Final = 300.0
"""A least value holds for one to two of these: a clock of 50 ppm, a usual quartz, drifts by 15 to
30 ms meanwhile."""
RECENT: Final = 16
"""Commands that say together that a clock was set: one alone may have been slow."""
STEP_S: Final = 0.5
"""No way that is quick once becomes so much slower for all of the recent ones."""


class WindowMinimum:
    """The least value of the last one or two windows; infinity of nothing."""

    __slots__ = ("_before", "_ends_s", "_now", "value")

    def __init__(self) -> None:
        self._now = self._before = self.value = math.inf
        self._ends_s = -math.inf

    def add(self, value: float, now_s: float) -> bool:
        """Note a value; return whether the least is another one now."""
        if value >= self._now and now_s < self._ends_s:
            return False  # nearly always
        if now_s >= self._ends_s:
            self._before = self._now if now_s < self._ends_s + WINDOW_S else math.inf
            self._now = value
            self._ends_s = now_s + WINDOW_S
        self._now = min(self._now, value)
        self.value = min(self._now, self._before)
        return True

    def begin_anew(self, value: float) -> None:
        """Forget all but this one."""
        self._now = self.value = value
        self._before = math.inf


class ClockOffset:
    """The offset of the platform's Unix clock from the monitor's monotonic clock.

    All times of the platform are Unix seconds on its clock, all others monotonic seconds.
    """

    def __init__(self, assumed_s: float) -> None:
        """Begin with `assumed_s`, as if the platform's clock were right."""
        self.offset_s = assumed_s
        """What to add to a time of the platform."""
        self.uncertainty_s: float | None = None
        """How wrong that may be; None where it is not known."""
        self._lines = WindowMinimum()
        """The delay from a line's time to its arrival, through files and networks."""
        self._ways = WindowMinimum()
        """The delay from a command's publishing to its observation."""
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._platform_round_trip = WindowMinimum()

    def begin_anew(self) -> None:
        """Forget all ways: the platform's clock was set."""
        self._ways, self._lines = WindowMinimum(), WindowMinimum()
        self._recent.clear()

    def line(self, at: float, now_s: float) -> None:
        """Note that a line with this time has come."""
        if self._lines.add(now_s - at, now_s):
            self._renew()

    def command(
        self, *, published_at: float, accepted_at: float | None, seen_s: float, now_s: float
    ) -> None:
        """Note when a command was published and acknowledged, and when it was seen."""
        way_s = seen_s - published_at
        self._recent.append(way_s)
        is_new = self._ways.add(way_s, now_s)
        if way_s > self._ways.value + STEP_S and len(self._recent) == RECENT:
            is_new |= self._look_for_step()
        if accepted_at is not None and accepted_at >= published_at:
            is_new |= self._platform_round_trip.add(accepted_at - published_at, now_s)
        if is_new:
            self._renew()

    def _look_for_step(self) -> bool:
        """Begin anew where all recent commands say that a clock was set."""
        least_s = min(self._recent)
        if least_s <= self._ways.value + STEP_S:
            return False
        self._ways.begin_anew(least_s)
        self._lines.begin_anew(least_s)
        return True

    def _renew(self) -> None:
        platform_s = self._platform_round_trip.value
        # It is half of the platform's round trip and half of ours, which is assumed to be as long.
        self.uncertainty_s = None if math.inf in (platform_s, self._ways.value) else platform_s
        ways_s = self._ways.value - (self.uncertainty_s or 0.0)
        # No line comes before it was written.
        self.offset_s = min(ways_s, self._lines.value)
