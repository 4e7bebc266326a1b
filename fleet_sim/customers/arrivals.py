"""When customers come: the stages of a load, and a profile over day and week."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from fleet_wire.arrivals import Burst, Constant, Poisson, Ramp, Times
from fleet_wire.quantities import FrozenModel, PositiveSeconds
from fleet_wire.randomness import RandomStream

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S

RENTAL_STARTS = {
    "weekday": (
        1.3, 0.8, 0.5, 0.4, 0.6, 1.4, 3.2, 5.6, 6.4, 4.8, 4.1, 4.3,
        4.7, 4.7, 4.8, 5.4, 6.3, 7.4, 7.9, 7.1, 5.8, 4.9, 4.4, 3.2,
    ),
    "weekend": (
        3.6, 2.9, 2.3, 1.7, 1.2, 1.0, 1.2, 1.8, 2.8, 4.0, 5.1, 5.8,
        6.1, 6.0, 5.9, 5.9, 6.0, 6.2, 6.2, 5.8, 5.1, 4.7, 4.6, 4.1,
    ),
}  # fmt: skip
"""Per cent of a day's rentals that start in each hour, local time.

The shape is that of free-floating car sharing in ten European cities (Boldrini, Bruno, Laarabi,
"Weak signals in the mobility landscape", EPJ Data Science 2019). Working days have a peak in the
morning and a higher one after work; weekends have one broad hump. The numbers are estimates [E]."""


class Profile(FrozenModel):
    """Independent arrivals at a rate that follows the hours of a day (`RENTAL_STARTS`)."""

    kind: Literal["profile"] = "profile"
    day: Literal["weekday", "weekend"] = "weekday"
    per_day: float = Field(gt=0, le=10_000_000, description="rentals of a whole such day")
    from_hour: float = Field(0.0, ge=0, le=24, description="local time at which the stage begins")
    duration_s: PositiveSeconds

    def times(self, stream: RandomStream) -> list[float]:
        """Return the arrivals in seconds from the start of the stage: a Poisson process.

        Unit-rate arrivals are placed where the expected number of rentals so far reaches them.
        """
        shares = RENTAL_STARTS[self.day]
        scale = self.per_day / math.fsum(shares)
        times: list[float] = []
        start_s = self.from_hour * HOUR_S
        at_s, due = start_s, stream.exponential(1.0)
        while at_s < start_s + self.duration_s:
            hour = int(at_s // HOUR_S)
            ends_s = (hour + 1) * HOUR_S
            rate_per_s = shares[hour % 24] * scale / HOUR_S
            within = (ends_s - at_s) * rate_per_s
            if due > within:
                due -= within
                at_s = ends_s
                continue
            at_s += due / rate_per_s
            due = stream.exponential(1.0)
            if at_s < start_s + self.duration_s:
                times.append(at_s - start_s)
        return times


class TimesFile(FrozenModel):
    """Arrivals at the times in the first column of a CSV file."""

    kind: Literal["file"] = "file"
    path: str = Field(
        min_length=1,
        description="seconds from the start of the stage, or ISO 8601 dates with times, which count"
        " from the first of them; beside the scenario",
    )
    duration_s: PositiveSeconds | None = Field(
        None, description="how long the stage lasts; null: until a second after the last"
    )


CustomerStage = Constant | Poisson | Ramp | Burst | Times | Profile
"""A stage of a load, or a profile."""
