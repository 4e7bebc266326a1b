"""Unlocks whose diagnosis may still change, and when they are looked at again. No I/O."""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.text import Text
from fleet_wire.modes.facts import EvidenceSource, Fact
from platform_probe.judge.diagnosis.neighbours import DELIVERY, PLATFORM, family_of
from platform_probe.judge.diagnosis.observed import Earlier

MAX_OPEN: Final = 10_000
"""Unlocks that the judge looks at again, some 7 kB each; beyond them it leaves the oldest."""
MOST_OF_CAR: Final = 30
"""The unlocks of one car that are compared with each other.

A client with more within minutes is a machine, and each unlock is compared with all of them
repeatedly.
"""
LOOKED_AT_AGAIN_S: Final = (60.0, 180.0, 300.0, 600.0)
"""The times after the intended start at which an unlock is looked at again, besides messages of its
car. Once its car has opened for another unlock, only the last one remains.
"""
SETTLE_S: Final = 1.5
"""Words of a car come in company (presence, state, late answers): they are looked at together."""
SAME_S: Final = 300.0
"""Unlocks of a car that fail alike within so long fail of the same [E]."""


class NextLook(NamedTuple):
    """When an unlock is to be looked at again."""

    at_s: float
    number: int
    attempt_id: str
    is_of_news: bool
    """Whether there is news; otherwise its time has come."""
    unless_sure: bool
    """Whether there is no need to, once the unlock is sure of a mode."""


Seen = tuple[tuple[Fact, ...], frozenset[EvidenceSource]]
"""Facts, and from where there could be any."""


@dataclass(slots=True, eq=False)
class OpenUnlock:
    """An unlock whose diagnosis may still change."""

    record: Attempt
    began_s: float
    revision: int = 0
    late: dict[str, float] = field(default_factory=dict)
    basis: tuple[Seen, ...] = ()
    """The facts of this unlock, and of similar ones, at the last revision; empty: none yet."""
    looks_at_s: float = 0.0
    kept: dict[Fact, Text] = field(default_factory=dict)
    """The facts as of the last look."""
    seen: tuple[Fact, ...] = ()
    """The same in the order of their names: equal ones are ranked once."""
    earlier: Earlier = field(default_factory=Earlier)
    """The facts that earlier looks have seen."""
    told: frozenset[EvidenceSource] = frozenset()
    """The sources of evidence at the last look."""
    called_s: float | None = None
    """When its customer called support."""
    shown: str | None = None
    """The text that the app had shown, as the customer told support."""
    over_s: float | None = None
    """When the window of its car's trouble ended; None: it goes on."""
    last: Diagnosis | None = None
    concerned_until_s: float = math.inf
    """Until when the news of its car is about it, as far as the last look has seen."""
    is_sure: bool = False
    """Whether its own facts are sure of a mode, as of the last look."""
    is_settled: bool = False
    """Whether it is looked at no more."""

    def forget_sentences(self) -> None:
        """Keep what others of the car may be told by, and nothing that is only said of this one."""
        self.kept, self.earlier, self.last = {}, Earlier(), None

    def is_over_at(self, now_s: float) -> bool:
        """Return whether the time of the last look has come."""
        return now_s >= self.began_s + LOOKED_AT_AGAIN_S[-1]


class OpenUnlocks:
    """Those of all cars. `on_wait` is called when one is to be looked at sooner than any other."""

    def __init__(self, on_wait: Callable[[], None]) -> None:
        self._on_wait = on_wait
        self._open: OrderedDict[str, OpenUnlock] = OrderedDict()
        self._by_car: dict[str, list[OpenUnlock]] = {}
        """The last of each, with those that are settled, while others may still be told by them."""
        self._looks: list[NextLook] = []
        self._number = 0

    def get(self, attempt_id: str | None) -> OpenUnlock | None:
        """Return one that may still change."""
        return self._open.get(attempt_id or "")

    def of_car(self, vehicle_id: str) -> Sequence[OpenUnlock]:
        """Return the last unlocks of a car, with settled ones that are evidence for others."""
        return self._by_car.get(vehicle_id, ())

    def open_unlocks(self) -> tuple[OpenUnlock, ...]:
        """Return all that may still change, the oldest first."""
        return tuple(self._open.values())

    def too_many(self) -> OpenUnlock | None:
        """Return the oldest, where there are more than are looked at again."""
        return next(iter(self._open.values())) if len(self._open) > MAX_OPEN else None

    def add(self, one: OpenUnlock, now_s: float) -> None:
        """Add an unlock, to be looked at again at fixed times."""
        self._open[one.record.attempt_id] = one
        of_car = self._by_car.setdefault(one.record.vehicle_id, [])
        of_car.append(one)
        del of_car[:-MOST_OF_CAR]
        first_s = max(one.began_s + LOOKED_AT_AGAIN_S[0], now_s + SETTLE_S)
        self.look_at(one, first_s, is_of_news=False)

    def settle(self, one: OpenUnlock) -> None:
        """Look at one no more."""
        self._open.pop(one.record.attempt_id, None)
        one.is_settled = True
        of_car = self._by_car.pop(one.record.vehicle_id, [])
        if kept := [*_still_told_by(of_car)]:
            self._by_car[one.record.vehicle_id] = kept

    def look_soon(self, vehicle_id: str, now_s: float) -> None:
        """Schedule a new look at the unlocks that the news of a car is about."""
        for one in self._by_car.get(vehicle_id, ()):
            if now_s <= one.concerned_until_s:
                self.look_at_soon(one, now_s)

    def look_at_soon(self, one: OpenUnlock, now_s: float, *, unless_sure: bool = False) -> None:
        """Schedule a new look at an unlock that may still change."""
        if one.looks_at_s <= now_s and not one.is_settled:
            one.looks_at_s = now_s + SETTLE_S
            self.look_at(one, one.looks_at_s, unless_sure=unless_sure)

    def look_at(
        self,
        one: OpenUnlock,
        at_s: float,
        *,
        is_of_news: bool = True,
        unless_sure: bool = False,
    ) -> None:
        """Schedule a look at an unlock."""
        self._number += 1
        look = NextLook(at_s, self._number, one.record.attempt_id, is_of_news, unless_sure)
        heapq.heappush(self._looks, look)
        if self._looks[0] is look:
            self._on_wait()

    def _look_in_time(self, one: OpenUnlock, now_s: float) -> None:
        """Schedule the next look at a fixed time; the last one if no news is about it any more."""
        is_concerned = now_s <= one.concerned_until_s
        times_s = LOOKED_AT_AGAIN_S if is_concerned else LOOKED_AT_AGAIN_S[-1:]
        at_s = (one.began_s + after_s for after_s in times_s)
        next_s = next((each_s for each_s in at_s if each_s > now_s), now_s)
        self.look_at(one, max(next_s, now_s + SETTLE_S), is_of_news=False)

    def look_no_more(self) -> None:
        """Forget when anything was to be looked at."""
        self._looks.clear()

    def due(self, now_s: float) -> Iterator[OpenUnlock]:
        """Yield each whose time to be looked at has come."""
        looks = self._looks
        while looks and looks[0].at_s <= now_s:
            look = heapq.heappop(looks)
            one = self._open.get(look.attempt_id)
            if one is None or (look.unless_sure and one.is_sure):
                continue
            if look.is_of_news or now_s <= one.concerned_until_s or one.is_over_at(now_s):
                yield one
            if not look.is_of_news and not one.is_settled:
                self._look_in_time(one, now_s)

    def next_s(self) -> float | None:
        """Return when the next one is due."""
        return self._looks[0].at_s if self._looks else None


def _still_told_by(unlocks: Sequence[OpenUnlock]) -> Iterator[OpenUnlock]:
    """Yield those of a car that are open, and those that one of these may have failed alike."""
    at_s = [one.began_s for one in unlocks if not one.is_settled]
    for one in unlocks:
        if any(abs(one.began_s - each_s) < SAME_S for each_s in at_s):
            yield one


def is_similar_failure(one: OpenUnlock, other: OpenUnlock) -> bool:
    """Return whether two unlocks of a car failed alike within minutes."""
    causes = one.record.cause, other.record.cause
    if None in causes or Cause.NOT_OBSERVED in causes or not (one.seen and other.seen):
        return False
    families = {family_of(cause) for cause in causes}
    is_same = families in ({DELIVERY}, {PLATFORM}) or causes[0] == causes[1]
    first, second = sorted((one, other), key=lambda each: each.began_s)
    if first.over_s is not None and first.over_s < second.began_s:
        return False  # the car was there between them
    return is_same and abs(one.began_s - other.began_s) < SAME_S
