"""Delays as distributions: what a number in a scenario may be."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from fleet_wire.quantities import LONGEST_S, FrozenModel, Seconds, Share, SignedSeconds
from fleet_wire.randomness import RandomStream

MAX_SIGMA = 5.0
"""Delays in networks have 0.3 to 2: at 5 a draw in 40 is already 20,000 times the median."""


class Uniform(FrozenModel):
    """`base_s` plus uniform in [0, `spread_s`)."""

    base_s: Seconds
    spread_s: Seconds = 0.0

    def sample_s(self, stream: RandomStream) -> float:
        """Return one draw in seconds. Takes no number from the stream when there is no spread."""
        return self.base_s + stream.between(0.0, self.spread_s) if self.spread_s else self.base_s


class UniformOffset(Uniform):
    """`base_s` plus uniform in [0, `spread_s`), where seconds below 0 have a meaning as well."""

    base_s: SignedSeconds


class LogNormal(FrozenModel):
    """Lognormal with this median; `sigma` is the standard deviation of the logarithm."""

    median_s: float = Field(gt=0, le=LONGEST_S)
    sigma: float = Field(ge=0, le=MAX_SIGMA)

    def sample_s(self, stream: RandomStream) -> float:
        """Return one draw in seconds."""
        return self.median_s * math.exp(self.sigma * stream.normal())


QuantilePoint = tuple[Share, Annotated[float, Field(gt=0, le=LONGEST_S)]]
"""A share of the draws, 0 to 1, and the seconds that this share does not exceed."""


class Quantiles(FrozenModel):
    """A distribution known by points of its quantile function, such as measured percentiles.

    Between two points the logarithm of the seconds grows evenly with the share: of a long tail
    mostly the short part is drawn.
    """

    quantiles: tuple[QuantilePoint, ...] = Field(json_schema_extra={"minItems": 2})

    @field_validator("quantiles")
    @classmethod
    def _ascends(cls, points: tuple[QuantilePoint, ...]) -> tuple[QuantilePoint, ...]:
        if not points or points[0][0] != 0 or points[-1][0] != 1:
            raise ValueError("expected points from [0, shortest] to [1, longest]")
        for (share, seconds), (next_share, next_seconds) in pairwise(points):
            if next_share <= share or next_seconds < seconds:
                raise ValueError(
                    f"[{next_share:g}, {next_seconds:g}] after [{share:g}, {seconds:g}]: expected"
                    " a larger share, and no fewer seconds"
                )
        return points

    def at_s(self, share: float) -> float:
        """Return the seconds that this share of the draws, 0 <= share <= 1, does not exceed."""
        low, low_s = self.quantiles[0]
        for high, high_s in self.quantiles:
            if share < high:
                return low_s * math.pow(high_s / low_s, (share - low) / (high - low))
            low, low_s = high, high_s
        return low_s

    def sample_s(self, stream: RandomStream) -> float:
        """Return one draw in seconds."""
        return self.at_s(stream.uniform())


def _plain_number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"base_s": value}
    return value


Delay = Annotated[
    Uniform | LogNormal | Quantiles,
    BeforeValidator(
        _plain_number, json_schema_input_type=Seconds | Uniform | LogNormal | Quantiles
    ),
]
"""A number (seconds), `{base_s, spread_s}`, `{median_s, sigma}` or `{quantiles: [[share, s], ..]}`.
"""

Offset = Annotated[
    UniformOffset | LogNormal | Quantiles,
    BeforeValidator(
        _plain_number, json_schema_input_type=SignedSeconds | UniformOffset | LogNormal | Quantiles
    ),
]
"""Like `Delay`, but a number or `base_s` may be below 0."""

NO_DELAY = Uniform(base_s=0.0)


def takes_time(delay: Uniform | LogNormal | Quantiles) -> bool:
    """Return whether any draw is more than no seconds at all."""
    # Compared by pydantic it would take four times as long, and each box asks four times.
    return not (isinstance(delay, Uniform) and not delay.base_s and not delay.spread_s)
