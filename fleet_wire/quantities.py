"""Limits of a quantity in a file, a flag or a variable: finite, and no larger than makes sense.

A number that is only checked for its sign fails later, far from its key. For example, 1e308 seconds
are no date, and a pause of 1e-300 s is an endless loop.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

SHORTEST_S: Final = 0.001
LONGEST_S: Final = 366 * 86_400.0
"""A year: longer than any run, and any wait within one."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A part of a whole, 0 to 1."""
Seconds = Annotated[float, Field(ge=0, le=LONGEST_S, allow_inf_nan=False)]
"""A duration, 0 for none."""

SignedSeconds = Annotated[float, Field(ge=-LONGEST_S, le=LONGEST_S, allow_inf_nan=False)]
"""How far ahead, below 0 behind."""

PositiveSeconds = Annotated[float, Field(ge=SHORTEST_S, le=LONGEST_S, allow_inf_nan=False)]
"""A duration that something repeats after, or divides by."""

Volts = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
"""The voltage of a car's battery for its electronics."""


class FrozenModel(BaseModel):
    """A section of a file: it never changes, its numbers are finite, and its keys are known."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
