"""The state of a run that its display shows while cars are being opened."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fleet_sim.cars.world import FleetCounts
from fleet_sim.results import readable
from fleet_sim.results.injected import InjectedFault
from fleet_sim.results.times import opens_after_s, quantile
from fleet_wire.contract.causes import Cause, Outcome

SLICES = 40
"""Into which the load is cut, to show how the time to open goes on."""
MOST_REVISABLE = 10_000
"""Most unlocks that a monitor still revises."""
_READS_WELL_S = 300
"""Above this a time in seconds says little."""
_HALF_S = 0.5
"""Below this a time is written as 0 s, and no sign belongs before it."""


class _EndedUnlock(msgspec.Struct, frozen=True):
    """The fields of a line of `attempts.jsonl` that a display needs."""

    attempt_id: str
    scheduled_s: float
    total_s: float
    outcome: Outcome
    cause: Cause | None
    revision: int = 0
    same_as: str = ""


class UnlocksSoFar:
    """The unlocks of a run that have ended, from its `attempts.jsonl` as it grows.

    Nothing is read before somebody looks: a run that nobody watches does not pay for it.
    """

    def __init__(self, attempts_file: Path, *, duration_s: float) -> None:
        self._path = attempts_file
        self._slice_s = max(duration_s, 1e-9) / SLICES
        self._read_bytes = 0
        self._decoder = msgspec.json.Decoder(_EndedUnlock)
        self._opens_s: list[float] = []
        self._slices: list[list[float]] = [[] for _ in range(SLICES)]
        self._revisable: dict[str, _EndedUnlock] = {}
        """The latest unlocks of which there may come another revision, as they are counted."""
        self._revised: list[_EndedUnlock] = []
        self.causes: Counter[Cause] = Counter()

    def read(self) -> None:
        """Read the lines written since the last time, whole lines only."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_bytes)
                block = file.read()
        except OSError:
            return
        whole = block[: block.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        for line in whole.splitlines():
            try:
                self._count_unlock(self._decoder.decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
        for times_s in (self._opens_s, *self._slices):
            times_s.sort()  # all but what is new is in order, which costs next to nothing
        for ended in self._revised:
            opens_s = opens_after_s(ended.outcome, ended.total_s)
            for times_s in (self._opens_s, self._slice_of(ended)):
                del times_s[bisect_left(times_s, opens_s)]
        self._revised.clear()

    def _count_unlock(self, ended: _EndedUnlock) -> None:
        before = self._revisable.pop(ended.attempt_id, None)
        if before is not None:
            self._revised.append(before)
            if before.cause is not None:
                self.causes -= Counter([before.cause])
        if ended.same_as:
            return
        if ended.revision:
            self._revisable[ended.attempt_id] = ended
            if len(self._revisable) > MOST_REVISABLE:
                del self._revisable[next(iter(self._revisable))]
        opens_s = opens_after_s(ended.outcome, ended.total_s)
        self._opens_s.append(opens_s)
        self._slice_of(ended).append(opens_s)
        if ended.cause is not None:
            self.causes[ended.cause] += 1

    def _slice_of(self, ended: _EndedUnlock) -> list[float]:
        place = int(ended.scheduled_s / self._slice_s)
        return self._slices[min(max(place, 0), SLICES - 1)]

    @property
    def ended_count(self) -> int:
        """How many have been read."""
        return len(self._opens_s)

    def opens_s(self, percent: int) -> float | None:
        """Return a quantile of the time to open; None where fewer opened."""
        return quantile(self._opens_s, percent)

    def medians_s(self) -> list[tuple[int, float | None]]:
        """Return of each slice of the load how many unlocks ended, and the median time to open."""
        return [(len(times_s), quantile(times_s, 50)) for times_s in self._slices]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadState:
    """How far the load is. Seconds count from its start, and are negative before."""

    elapsed_s: float
    duration_s: float
    sent_at_least: int
    """Unlocks that had been started when the probe said so last."""
    configured: int
    """Boxes of the scenario."""
    fleet: FleetCounts
    """The boxes' counts so far."""
    faults: Sequence[InjectedFault]
    """Every fault that the scenario injects, at whatever time."""
    unlocks: UnlocksSoFar
    """How they ended: all that is shown of that is of one reading, so that it adds up."""

    @property
    def sent_count(self) -> int:
        """How many unlocks have been started."""
        return max(self.sent_at_least, self.unlocks.ended_count)

    @property
    def ok(self) -> int:
        """How many have opened."""
        return self.unlocks.ended_count - self.not_opened

    @property
    def not_opened(self) -> int:
        """How many have ended otherwise: each has its cause."""
        return self.unlocks.causes.total()

    @property
    def in_flight(self) -> int:
        """How many have not ended."""
        return self.sent_count - self.unlocks.ended_count

    @property
    def running_faults(self) -> list[InjectedFault]:
        """The faults that are at work now, the one that ends first before the others."""
        running = [one for one in self.faults if one.start_s <= self.elapsed_s < one.end_s]
        return sorted(running, key=lambda fault: fault.end_s)

    @property
    def next_fault(self) -> InjectedFault | None:
        """The fault that begins next."""
        coming = [one for one in self.faults if one.start_s > self.elapsed_s]
        return min(coming, key=lambda fault: fault.start_s, default=None)

    @property
    def when(self) -> str:
        """How far the load is, in words."""
        if self.elapsed_s <= -_HALF_S:
            return f"begins in {-self.elapsed_s:.0f} s"
        if self.elapsed_s > self.duration_s:
            return f"{self.elapsed_s:.0f} s, the last unlocks end"
        elapsed_s = round(max(self.elapsed_s, 0.0))
        if self.duration_s > _READS_WELL_S:
            return f"{readable.duration(elapsed_s)} of {readable.duration(self.duration_s)}"
        return f"{elapsed_s} of {self.duration_s:.0f} s"
