"""When unlocks start: an open model, decided in advance from the seed.

A load is a list of stages, one after the other. The times depend on nothing that happens during the
run, so a slow platform cannot slow its own load down (no coordinated omission). Latency is measured
from these intended times.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Protocol

from pydantic import Field

from fleet_wire.quantities import FrozenModel, PositiveSeconds, Seconds
from fleet_wire.randomness import RandomStream


class Constant(FrozenModel):
    """Evenly spaced arrivals."""

    kind: Literal["constant"] = "constant"
    rate_per_s: float = Field(ge=0, le=100_000)
    duration_s: PositiveSeconds

    def times(self, stream: RandomStream) -> list[float]:  # noqa: ARG002 - one form for all stages
        """Return the arrivals in seconds from the start of the stage."""
        return [
            index / self.rate_per_s for index in range(round(self.rate_per_s * self.duration_s))
        ]


class Poisson(FrozenModel):
    """Independent arrivals: many customers who know nothing of each other."""

    kind: Literal["poisson"] = "poisson"
    rate_per_s: float = Field(ge=0, le=100_000)
    duration_s: PositiveSeconds

    def times(self, stream: RandomStream) -> list[float]:
        """Return the arrivals in seconds from the start of the stage."""
        times: list[float] = []
        if self.rate_per_s == 0:
            return times
        at = stream.exponential(1 / self.rate_per_s)
        while at < self.duration_s:
            times.append(at)
            at += stream.exponential(1 / self.rate_per_s)
        return times


class Ramp(FrozenModel):
    """A rate that changes linearly; arrivals where its integral passes a whole number."""

    kind: Literal["ramp"] = "ramp"
    from_rate_per_s: float = Field(ge=0, le=100_000)
    to_rate_per_s: float = Field(ge=0, le=100_000)
    duration_s: PositiveSeconds

    def times(self, stream: RandomStream) -> list[float]:  # noqa: ARG002 - one form for all stages
        """Return the arrivals in seconds from the start of the stage."""
        start = self.from_rate_per_s
        slope = (self.to_rate_per_s - start) / self.duration_s
        count = int((start + self.to_rate_per_s) / 2 * self.duration_s)
        times = [0.0] * min(count, 1)
        for n in range(1, count):
            # start * t + slope * t^2 / 2 = n, solved for t in the form that no small slope spoils
            root = max(start * start + 2 * slope * n, 0.0) ** 0.5
            times.append(2 * n / (start + root))
        return times


class Burst(FrozenModel):
    """`count` arrivals, spread evenly over `over_s` (0: all at once), then quiet to the end."""

    kind: Literal["burst"] = "burst"
    count: int = Field(ge=1, le=10_000_000)
    over_s: Seconds = 0.0
    duration_s: PositiveSeconds

    def times(self, stream: RandomStream) -> list[float]:  # noqa: ARG002 - one form for all stages
        """Return the arrivals in seconds from the start of the stage."""
        step = min(self.over_s, self.duration_s) / self.count
        return [index * step for index in range(self.count)]


class Times(FrozenModel):
    """Arrivals at exactly these seconds from the start of the stage."""

    kind: Literal["times"] = "times"
    at_s: list[Seconds] = Field(min_length=1)
    duration_s: PositiveSeconds

    def times(self, stream: RandomStream) -> list[float]:  # noqa: ARG002 - one form for all stages
        """Return the arrivals in seconds from the start of the stage."""
        return sorted(at for at in self.at_s if at < self.duration_s)


LoadStage = Annotated[Constant | Poisson | Ramp | Burst | Times, Field(discriminator="kind")]


class Stage(Protocol):
    """One part of a load; the stages follow each other."""

    @property
    def duration_s(self) -> float:
        """How long it lasts, seconds."""
        ...

    def times(self, stream: RandomStream) -> list[float]:
        """Return the arrivals in seconds from its start."""
        ...


def arrival_times(stages: Iterable[Stage], stream: RandomStream) -> list[float]:
    """Return every arrival in seconds from the start of the load, ascending."""
    times: list[float] = []
    start = 0.0
    for stage in stages:
        times.extend(start + at for at in stage.times(stream))
        start += stage.duration_s
    return times


def total_duration_s(stages: Iterable[Stage]) -> float:
    """Return how long the load lasts.

    Added as `arrival_times` does it, and not with `sum`, which rounds otherwise since Python 3.12.
    """
    total_s = 0.0
    for stage in stages:
        total_s += stage.duration_s
    return total_s
