"""How many processes and private brokers a fleet takes, by the open files that each may have."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from fleet_sim.results import readable
from fleet_sim.runs.limits import SPARE_DESCRIPTORS, limit_of_descriptors
from fleet_sim.runs.live.workers import MAX_PROCESSES
from fleet_wire.errors import LimitError

BROKERS_IN_SPARE: Final = 70
"""`SPARE_DESCRIPTORS` are enough with a connection to each of so many brokers: a process has 15
open files besides its boxes and brokers."""
_UNEVEN: Final = 1.1
"""Most cars of a broker, relative to an even share. Above 10,000 cars a broker their hash spreads
them to within 5 %, at five sigma."""
_MOST: Final = 2**30
"""No limit is higher: the kernel's own for a process (fs.nr_open) ends there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A fleet to be spread over processes, and its need of open files."""

    boxes: int
    here: int = 0
    """Number of these that are in the process that starts the others."""
    brokers: int | None = None
    """None: private ones, as many as it takes."""

    def brokers_at(self, limit: float) -> int:
        """Return how many brokers there are where a process may have `limit` open files."""
        most = max(limit - SPARE_DESCRIPTORS, 1)
        needed = 1 if self.boxes <= most else math.ceil(self.boxes * _UNEVEN / most)
        return needed if self.brokers is None else self.brokers

    def processes_at(self, limit: float) -> int:
        """Return over how many processes the boxes are spread there."""
        most = limit - SPARE_DESCRIPTORS - self._links(1, limit)
        return max(math.ceil(self.boxes / max(most, 1)), 1)

    def connections(self, processes: int, limit: float) -> int:
        """Return the most that one of so many processes has there, besides the spare ones."""
        of_boxes = math.ceil(self.boxes / processes) + self._links(1, limit)
        if processes == 1:
            return of_boxes
        around = self.here + processes + self._links(2, limit)  # platform and SMS centre
        return max(of_boxes, around)

    def fits(self, limit: float, processes: int | None = None) -> bool:
        """Whether `processes` have enough there; None: as many as are taken by themselves."""
        chosen = self.processes_at(limit) if processes is None else processes
        open_files = SPARE_DESCRIPTORS + self.connections(chosen, limit)
        return chosen <= MAX_PROCESSES and open_files <= limit

    def _links(self, for_each: int, limit: float) -> int:
        """Return how many connections with brokers there are for which the spare ones are short."""
        return max(for_each * self.brokers_at(limit) - BROKERS_IN_SPARE, 0)

    def check(self, processes: int | None, *, or_else: str = "") -> None:
        """Raise `LimitError` where a process here may not open enough files, with what would do.

        `or_else` is another cure, the end of a sentence.
        """
        limit = limit_of_descriptors()
        if self.fits(limit, processes):
            return
        if processes is None or not self.fits(limit):
            needed = _first(self.fits, _MOST)
            room = _first(lambda boxes: not self._with_boxes(boxes).fits(limit), self.boxes) - 1
            room_for = f"{room:,}" if room > 0 else "none"
            raise LimitError(
                f"{readable.boxes(self.boxes)} need {needed:,} open files for a process; the limit"
                f" of a process here is {limit:,.0f}: room for {room_for}",
                f"ulimit -Hn {needed}  (as root, in the shell that starts this{or_else})",
            )
        needed = _first(lambda most: self.fits(most, processes), _MOST)
        fitting = self.processes_at(limit)
        many = "1 process" if processes == 1 else f"{processes:,} processes"
        raise LimitError(
            f"{readable.boxes(self.boxes)} in {many} need"
            f" {needed:,} open files for one of them; the limit of a process here is {limit:,.0f}:"
            f" room for {limit - SPARE_DESCRIPTORS:,.0f} in each",
            f"--processes {fitting}  (or ulimit -Hn {needed}, as root, in the shell that starts"
            f" this{or_else})",
        )

    def _with_boxes(self, boxes: int) -> Spread:
        return replace(self, boxes=boxes, here=min(self.here, boxes))


def _first(holds: Callable[[int], bool], most: int) -> int:
    """Return the first number from 1 on for which it holds, `most` + 1 where there is none."""
    return 1 + bisect.bisect_left(range(1, most + 1), 1, key=holds)
