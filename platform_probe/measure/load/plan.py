"""Which car is unlocked when: decided in advance from the seed, whatever happens during the run."""

from __future__ import annotations

import struct
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count, islice
from typing import NamedTuple

from fleet_wire.arrivals import LoadStage, arrival_times, total_duration_s
from fleet_wire.randomness import RandomStream


class PlannedStart(NamedTuple):
    """One unlock to come, in seconds since the load began."""

    scheduled_s: float
    vehicle_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """The unlocks of a load. Iterating twice gives the same; with `repeat` it never ends.

    One customer, one car: a car is picked again when its last unlock has ended at the latest,
    `deadline_s` after its start. If the cars are too few for that, the one is picked whose unlock
    ends the soonest. `double_taps` is the share of unlocks that are a second tap on the car of the
    unlock before, while that may be open.

    Times are drawn from the stream `load/arrivals`, cars from `load/targets` and second taps from
    `load/taps`. Each repetition has streams of its own (`load/arrivals/1`, ...), so that it
    differs.
    """

    stages: tuple[LoadStage, ...]
    vehicles: Sequence[str]
    seed: int
    deadline_s: float
    double_taps: float = 0.0
    repeat: bool = False

    def __iter__(self) -> Iterator[PlannedStart]:
        cars = _Cars(len(self.vehicles), self.deadline_s)
        for cycle in count():
            yield from self._cycle(cycle, cars)
            if not self.repeat:
                return

    def digest(self) -> str:
        """Return a digest of the first repetition: equal plans have equal ones."""
        return digest_of(self._cycle(0, _Cars(len(self.vehicles), self.deadline_s)))

    def _cycle(self, cycle: int, cars: _Cars) -> Iterator[PlannedStart]:
        suffix = f"/{cycle}" if cycle else ""
        targets = RandomStream.named(self.seed, f"load/targets{suffix}")
        taps = RandomStream.named(self.seed, f"load/taps{suffix}")
        arrivals = RandomStream.named(self.seed, f"load/arrivals{suffix}")
        begins_s = cycle * total_duration_s(self.stages)
        # A day's arrivals are held all the while: as plain doubles, a quarter of a list's memory.
        for since_s in array("d", arrival_times(self.stages, arrivals)):
            at_s = begins_s + since_s
            is_tap = self.double_taps > 0 and taps.uniform() < self.double_taps
            number = cars.tap_again(at_s) if is_tap else None
            if number is None:
                number = cars.pick(at_s, targets)
            yield PlannedStart(at_s, self.vehicles[number])


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPlan:
    """Each car in turn, once in `every_s` seconds, evenly spread, for ever: for real cars.

    Their order is drawn once, from the stream `load/turn`: a list is often sorted by region.
    """

    vehicles: Sequence[str]
    every_s: float
    seed: int

    def __iter__(self) -> Iterator[PlannedStart]:
        stream = RandomStream.named(self.seed, "load/turn")
        cars = sorted(dict.fromkeys(self.vehicles), key=lambda _: stream.uniform())
        for number in count():
            yield PlannedStart(number * self.every_s / len(cars), cars[number % len(cars)])

    def digest(self) -> str:
        """Return a digest of the first turn: equal plans have equal ones."""
        return digest_of(islice(self, len(self.vehicles)))


def digest_of(starts: Iterable[PlannedStart]) -> str:
    """Return a digest of times and cars."""
    digest = blake2b(digest_size=16)
    for start in starts:
        digest.update(struct.pack("<d", start.scheduled_s) + start.vehicle_id.encode())
    return digest.hexdigest()


class _Cars:
    """The numbers of the cars without an open unlock, and of those with one, oldest first.

    A pick costs the same however many cars there are: the last free number takes the place of the
    one that is picked.
    """

    def __init__(self, cars: int, deadline_s: float) -> None:
        self._free = array("L", range(cars))
        self._open: deque[int] = deque()
        self._ends_s: deque[float] = deque()
        """When the unlock of each of these has ended at the latest."""
        self._deadline_s = deadline_s

    def pick(self, at_s: float, stream: RandomStream) -> int:
        """Return a free car; where there is none, the one whose unlock ends the soonest."""
        free = self._free
        self._end_unlocks(at_s)
        if free:
            place = stream.index(len(free))
            free[place], number = free[-1], free[place]
            free.pop()
        else:
            number = self._open.popleft()
            self._ends_s.popleft()
        self._open.append(number)
        self._ends_s.append(at_s + self._deadline_s)
        return number

    def tap_again(self, at_s: float) -> int | None:
        """Return the car that was picked last, if its unlock may be open."""
        self._end_unlocks(at_s)
        if not self._open:
            return None
        self._ends_s[-1] = at_s + self._deadline_s
        return self._open[-1]

    def _end_unlocks(self, at_s: float) -> None:
        ends_s = self._ends_s
        while ends_s and ends_s[0] <= at_s:
            ends_s.popleft()
            self._free.append(self._open.popleft())
