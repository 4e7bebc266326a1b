"""Silence: unlocks, or heartbeats, that are expected and do not come.

The expectation is the least that is sure: half of the lowest usual rate. The rates are the lower
quartile of the last hour's five-minute counts, and those of the last days at this hour and the
next. A train, a morning and an evening change no more than that; an app that no longer asks does.
Parts of the fleet are only missed at hours of which there is a day's history.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator
from typing import Final

from fleet_wire.contract.incident import IncidentKind
from platform_probe.judge.detection.sighting import Sighting
from platform_probe.judge.detection.traits import TRAITS, Key, Values

MINUTE_S: Final = 60.0
BIN_MINUTES: Final = 5
BINS: Final = 12
"""An hour, in steps of five minutes: without it nothing is expected."""
PART: Final = 0.5
DAYS: Final = 7
MINUTES_OF_HOUR: Final = 50
"""An hour of which so much was counted says what is usual at that time."""
HOUR_S: Final = 3600.0
LEFT: Final = 0.1
"""The part of the expected rate that silence leaves: stragglers, and unlocks of another path."""
A_MONTH: Final = 43_200.0
"""Minutes."""
BUDGET: Final = 0.05
FALSE_ALARMS: Final = 0.5
MOST_COHORTS: Final = 200
BACK: Final = 0.5
"""The part of the expected rate from which silence is over."""
_LOG_LEFT: Final = math.log(LEFT)


class _Rate:
    """How much comes of one cohort."""

    __slots__ = (
        "bins", "count", "expected", "hours", "in_bin", "in_hour", "score", "since_s", "window",
    )  # fmt: skip

    def __init__(self) -> None:
        self.count = 0
        self.in_bin = 0
        self.in_hour: tuple[int, int, int] = (-1, 0, 0)
        """The hour since 1970, with how many minutes of it were counted, and how many came."""
        self.hours: dict[int, deque[float]] = {}
        """Rates per minute at each hour of the last days."""
        self.bins: deque[int] = deque(maxlen=BINS)
        self.window: deque[int] = deque(maxlen=BIN_MINUTES)
        self.score = 0.0
        self.since_s = 0.0
        self.expected = 0.0
        """A minute."""

    def minute(self, now_s: float) -> float:
        """Close a minute, and return the evidence that it is silent."""
        came, self.count = self.count, 0
        self.in_bin += came
        self.window.append(came)
        before = self.score
        if self.expected > 0.0:
            self.score = max(0.0, before + came * _LOG_LEFT + self.expected * (1.0 - LEFT))
        if before == 0.0:
            self.since_s = now_s - MINUTE_S
        return self.score

    def close_bin(self, hour: int, *, is_silent: bool, needs_days: bool) -> None:
        """Renew what is expected, for an hour since 1970."""
        if not is_silent:
            self._note_hour(hour)
            self.bins.append(self.in_bin)
            if len(self.bins) == BINS:
                self.expected = PART * self._usual_minimum(hour, needs_days=needs_days)
        self.in_bin = 0

    def _note_hour(self, hour: int) -> None:
        at, minutes, came = self.in_hour
        if at != hour:
            if minutes >= MINUTES_OF_HOUR:
                of_days = self.hours.setdefault(at % 24, deque(maxlen=DAYS))
                of_days.append(came / minutes)
            minutes = came = 0
        self.in_hour = hour, minutes + BIN_MINUTES, came + self.in_bin

    def _usual_minimum(self, hour: int, *, needs_days: bool) -> float:
        """Return the least that is usual a minute."""
        lately = sorted(self.bins)[BINS // 4] / BIN_MINUTES
        near = [self.hours.get((hour + each) % 24) for each in (0, 1)]
        of_days = [rate for days in near if days is not None for rate in days]
        if needs_days and None in near:
            return 0.0
        return min([lately, *of_days])


class Silence:
    """The tests on what does not come. Every step is a minute."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self._rates: dict[Key, _Rate] = {}
        self._came: list[Values] = []
        """Unlocks of this minute: to count them when it is over takes less."""
        self._beats = _Rate()
        self._next_s: float | None = None
        self._minutes = 0
        self.sightings: list[Sighting] = []
        self._of: dict[int, _Rate] = {}

    def unlock(self, values: Values) -> None:
        """Count an unlock that a customer asked for."""
        self._came.append(values)

    def beat(self) -> None:
        """Count a heartbeat of any car."""
        self._beats.count += 1

    def tick(self, now_s: float, unix_offset_s: float, *, is_blind: bool) -> None:
        """Close the minutes that are over; one in which the monitor was blind says nothing."""
        hour = int((now_s + unix_offset_s) // HOUR_S)
        if self._next_s is None:
            self._next_s = now_s + MINUTE_S
        if now_s < self._next_s:
            return
        self._next_s = now_s + MINUTE_S
        self._minutes += 1
        self._count()
        limit = math.log(A_MONTH * max(len(self._rates), 1) / (FALSE_ALARMS * BUDGET))
        for key, rate in ((None, self._beats), *self._rates.items()):
            if is_blind:
                rate.count = 0
                rate.score = 0.0
                continue
            silent = next((s for s in self.sightings if self._of.get(s.number) is rate), None)
            if rate.minute(now_s) > limit and silent is None:
                self._open(key, rate, now_s)
            if silent is not None:
                self._follow(silent, rate, now_s)
            if self._minutes % BIN_MINUTES == 0:
                rate.close_bin(
                    hour,
                    is_silent=silent is not None or rate.score > limit / 3.0,
                    needs_days=bool(key),
                )

    # Within

    def _count(self) -> None:
        """Count the messages of the minute for each cohort."""
        came, self._came = self._came, []
        self._note((), len(came))
        for place in range(len(TRAITS)):
            for value, number in Counter([values[place] for values in came]).items():
                if value is not None:
                    self._note(((place, value),), number)

    def _note(self, key: Key, number: int) -> None:
        rate = self._rates.get(key)
        if rate is None:
            if not number or len(self._rates) >= MOST_COHORTS:
                return
            rate = self._rates[key] = _Rate()
        rate.count += number

    def _open(self, key: Key | None, rate: _Rate, now_s: float) -> None:
        everybody = any(s.key == () and s.what == "silence" for s in self.sightings)
        if key and everybody:
            return  # all are silent, and so is every part
        one = Sighting(
            number=next(self._numbers),
            kind=IncidentKind.SILENCE,
            what="silence" if key is not None else "no_heartbeats",
            since_s=rate.since_s,
            last_s=now_s,
            key=key or (),
            expected=rate.expected,
        )
        rate.window.clear()  # what came before says nothing of whether it comes again
        self._of[one.number] = rate
        self.sightings.append(one)

    def _follow(self, one: Sighting, rate: _Rate, now_s: float) -> None:
        one.last_s = now_s
        if sum(rate.window) / BIN_MINUTES >= BACK * rate.expected:
            one.is_over = True
            rate.score = 0.0
            del self._of[one.number]
