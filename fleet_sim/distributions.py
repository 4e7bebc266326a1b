"""Delays as distributions: what a number in a scenario may be."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from fleet_wire.randomness import RandomStream


class Uniform(BaseModel):
    """`base_s` plus uniform in [0, `spread_s`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_s: float = Field(ge=0)
    spread_s: float = Field(0.0, ge=0)

    def sample_s(self, stream: RandomStream) -> float:
        """Return one draw in seconds. Takes no number from the stream when there is no spread."""
        return self.base_s + stream.between(0.0, self.spread_s) if self.spread_s else self.base_s


class LogNormal(BaseModel):
    """Lognormal with this median; `sigma` is the standard deviation of the logarithm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    median_s: float = Field(gt=0)
    sigma: float = Field(ge=0)

    def sample_s(self, stream: RandomStream) -> float:
        """Return one draw in seconds."""
        return self.median_s * math.exp(self.sigma * stream.normal())


def _plain_number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"base_s": value}
    return value


Delay = Annotated[
    Uniform | LogNormal,
    BeforeValidator(_plain_number, json_schema_input_type=float | Uniform | LogNormal),
]
"""A number (seconds), `{base_s, spread_s}` or `{median_s, sigma}`."""

NO_DELAY = Uniform(base_s=0.0)
