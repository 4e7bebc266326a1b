"""Read durations in command lines as people write them: 90, 90s, 5m, 1.5h, 2d."""

from __future__ import annotations

import re
from typing import Final

import click

_UNITS_S: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([smhd]?)", re.ASCII)
HELP: Final = "90s, 5m or 1h; without a unit seconds."
"""How to write one, for the help of an option."""


class Duration(click.ParamType[float]):
    """The value of an option such as `--for`, in seconds, within bounds."""

    name = "time"

    def __init__(self, *, least_s: float, most_s: float) -> None:
        self._least_s = least_s
        self._most_s = most_s

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds of a duration; a number is one already."""
        if isinstance(value, int | float):
            return float(value)
        found = _DURATION.fullmatch(value)
        if found is None:
            self.fail("expected a time such as 90s, 5m or 1h; without a unit seconds", param, ctx)
        seconds = float(found[1]) * _UNITS_S[found[2]]
        if not self._least_s <= seconds <= self._most_s:
            bounds = f"from {self._least_s:g} s to {self._most_s:g} s"
            self.fail(f"expected a time {bounds}, not {seconds:g} s", param, ctx)
        return seconds
