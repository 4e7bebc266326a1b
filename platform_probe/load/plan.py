"""Which car is unlocked when: decided in advance from the seed, whatever happens during the run."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
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

    Times are drawn from the stream `load/arrivals` and cars from `load/targets`; each repetition
    has streams of its own (`load/arrivals/1`, ...), so that it is not the same again.
    """

    stages: tuple[LoadStage, ...]
    vehicles: Sequence[str]
    seed: int
    repeat: bool = False

    def __iter__(self) -> Iterator[PlannedStart]:
        for cycle in count():
            yield from self._cycle(cycle)
            if not self.repeat:
                return

    def digest(self) -> str:
        """Return a digest of the first repetition: equal plans have equal ones."""
        digest = blake2b(digest_size=16)
        for start in self._cycle(0):
            digest.update(struct.pack("<d", start.scheduled_s) + start.vehicle_id.encode())
        return digest.hexdigest()

    def _cycle(self, cycle: int) -> Iterator[PlannedStart]:
        suffix = f"/{cycle}" if cycle else ""
        targets = RandomStream(self.seed, f"load/targets{suffix}")
        arrivals = RandomStream(self.seed, f"load/arrivals{suffix}")
        begins_s = cycle * total_duration_s(list(self.stages))
        # A day's arrivals are held all the while: as plain doubles, a quarter of a list's memory.
        for at_s in array("d", arrival_times(list(self.stages), arrivals)):
            yield PlannedStart(begins_s + at_s, self.vehicles[targets.index(len(self.vehicles))])
