"""Counters by something that boxes say of themselves: its values are bounded, however many come."""

from __future__ import annotations

import math
from collections import Counter as Numbers
from collections.abc import Callable, Iterable
from typing import Final

from fleet_wire.contract.attempt import Attempt, Source
from fleet_wire.contract.causes import Outcome
from fleet_wire.series import Counter, CounterFamily

MAX_LABEL_VALUES: Final = 24
"""Regions, and firmware versions, that have series of their own; the rest share "other"."""
GIVEN_BACK_AFTER_S: Final = 3_600.0
"""A value that was not seen for so long gives its place to a new one. The rules look back for an
hour at most: what they compare does not begin anew meanwhile."""
MAX_NEW_OF_ONE: Final = 8
"""New values of one car within `GIVEN_BACK_AFTER_S`: it cannot use up the places of others."""
OTHER: Final = "other"
UNKNOWN: Final = "unknown"
"""The label of a box that has not said its region or firmware yet."""
OF_CARS: Final = ("region", "operator", "firmware", "hardware", "site", "technology")
"""Traits from cars with few different values in a fleet."""
OF_PLATFORM: Final = ("app_version", "endpoint", "api_release")
"""The same for traits from the platform's log."""
SOURCES: Final = (Source.PROBE, Source.CUSTOMER)
"""The sources that are counted; loopback boxes have a histogram of their own."""


def _ignore(_: str) -> None:
    """Do nothing: a value has no series of its own."""


class LabelValues:
    """The values that a label may have: at most `most`, and "unknown" and "other".

    If no slot is free, a new value replaces the one unseen for longest. If that was seen too
    recently, the new value is "other". None is "unknown". Neither of these two takes a place.
    """

    def __init__(
        self,
        *,
        on_new: Callable[[str], None] = _ignore,
        on_gone: Callable[[str], None] = _ignore,
        most: int = MAX_LABEL_VALUES,
    ) -> None:
        """Call `on_new` for each value that gets a place, `on_gone` for each that loses it."""
        self._on_new = on_new
        self._on_gone = on_gone
        self._most = most
        self._seen_s: dict[str, float] = {}
        """When each value that has a place was last seen, in Unix seconds."""
        self._full_until_s = -math.inf
        """No place can be given back before then: floods of new values cost no search each."""
        self._new_by: Numbers[str] = Numbers()
        """Places that were given to values of each car since `_counted_since_s`."""
        self._counted_since_s = 0.0
        for label in (UNKNOWN, OTHER):
            on_new(label)

    def label(self, value: str | None, now_s: float, by: str = "") -> str:
        """Return the label of `value`, which takes a place where there is one for it.

        `by` names the car that says it, which may bring `MAX_NEW_OF_ONE` new values an hour.
        """
        seen_s = self._seen_s
        if value not in seen_s:  # so seldom: of many cars few differ
            if value is None or value == UNKNOWN:
                return UNKNOWN
            if value == OTHER or not self._may_bring(by, now_s) or not self._has_place(now_s):
                return OTHER
            if by:
                self._new_by[by] += 1
            self._on_new(value)
        seen_s[value] = now_s
        return value

    def _may_bring(self, by: str, now_s: float) -> bool:
        """Return whether a car has not brought too many new values of late."""
        if now_s - self._counted_since_s >= GIVEN_BACK_AFTER_S:
            self._new_by.clear()
            self._counted_since_s = now_s
        return self._new_by.get(by, 0) < MAX_NEW_OF_ONE

    def _has_place(self, now_s: float) -> bool:
        """Return whether a place is free, or could be made so."""
        if len(self._seen_s) < self._most:
            return True
        if now_s < self._full_until_s:
            return False
        oldest = min(self._seen_s, key=self._seen_s.__getitem__)
        self._full_until_s = self._seen_s[oldest] + GIVEN_BACK_AFTER_S
        if now_s < self._full_until_s:
            return False
        self._on_gone(oldest)
        del self._seen_s[oldest]
        return True


class Dimension:
    """Counts unlocks by source, outcome and one of the values that have `Places`."""

    def __init__(self, counter: CounterFamily) -> None:
        """Use a counter with the labels source, value and outcome."""
        self._counter = counter
        self._by_label: dict[str, dict[tuple[Source, Outcome], Counter]] = {}
        self._now_s = 0.0
        self._places = LabelValues(on_new=self._add, on_gone=self._remove)

    @property
    def labels(self) -> Iterable[str]:
        """The label values in use."""
        return self._by_label

    def label(self, value: str | None) -> str:
        """Return the label of `value`, which takes a place where there is one for it."""
        return self._places.label(value, self._now_s)

    def count(
        self,
        value: str | None,
        end: tuple[Source, Outcome],
        ended_s: float,
        example: Attempt | None,
        number: int = 1,
    ) -> None:
        """Count `number` unlocks whose cars say `value`; `example` is for the series to show.

        `end` says who asked and how it ended, `ended_s` when, in Unix seconds.
        """
        self._now_s = max(self._now_s, ended_s)
        self._by_label[self._places.label(value, self._now_s)][end].inc(number, example)

    def _remove(self, label: str) -> None:
        for source, outcome in self._by_label.pop(label):
            self._counter.remove(source.value, label, outcome.value)

    def _add(self, label: str) -> None:
        self._by_label[label] = {
            (source, outcome): self._counter.labels(source.value, label, outcome.value)
            for source in SOURCES
            for outcome in Outcome
        }
