"""Numbers to learn, each with its bounds, that follow their slopes (Adam, Kingma and Ba, 2015)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

RATE: Final = 0.08
"""The longest step."""
KEEPS: Final = 0.9
KEEPS_SQUARES: Final = 0.99
"""How slowly slopes and their squares are forgotten."""


class Vector:
    """Numbers of one fact, one for each mode."""

    __slots__ = ("_began", "_high", "_low", "_slopes", "_squares", "_taken", "values")

    def __init__(self, began: list[float], low: list[float], high: list[float]) -> None:
        self.values = [*began]
        self._began, self._low, self._high = began, low, high
        self._slopes = [0.0] * len(began)
        self._squares = [0.0] * len(began)
        self._taken = 0

    def set_start(self, at: int, began: float, low: float, high: float) -> None:
        """Set where one number begins, and its bounds."""
        self.values[at] = self._began[at] = began
        self._low[at], self._high[at] = low, high

    def step(self, slopes: Sequence[float], *, rate: float, held_back: float) -> None:
        """Follow the slopes; `rate` of 1 is the longest step."""
        self._taken += 1
        first = 1.0 - KEEPS**self._taken
        second = 1.0 - KEEPS_SQUARES**self._taken
        for at, slope in enumerate(slopes):
            low, high = self._low[at], self._high[at]
            if low == high:
                continue
            value = self.values[at]
            full = slope + held_back * (value - self._began[at])
            mean = self._slopes[at] = KEEPS * self._slopes[at] + (1.0 - KEEPS) * full
            square = self._squares[at] = (
                KEEPS_SQUARES * self._squares[at] + (1.0 - KEEPS_SQUARES) * full * full
            )
            moved = RATE * rate * (mean / first) / (math.sqrt(square / second) + 1e-8)
            self.values[at] = min(max(value - moved, low), high)


class Matrix:
    """Numbers by fact and mode."""

    def __init__(self, facts: int, modes: int, *, low: float, high: float) -> None:
        self._vectors = [Vector([0.0] * modes, [low] * modes, [high] * modes) for _ in range(facts)]

    @property
    def columns(self) -> list[list[float]]:
        """The numbers of each fact."""
        return [vector.values for vector in self._vectors]

    def set_start(self, fact: int, at: int, began: float, low: float, high: float) -> None:
        """Set where one number begins, and its bounds."""
        self._vectors[fact].set_start(at, began, low, high)

    def step(self, slopes: Sequence[Sequence[float]], *, rate: float, held_back: float) -> None:
        """Follow the slopes of all."""
        for vector, each in zip(self._vectors, slopes, strict=True):
            vector.step(each, rate=rate, held_back=held_back)
