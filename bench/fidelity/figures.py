"""One figure of the model beside the published one, and whether it is in band."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

WITHIN = 0.20
"""Largest relative distance of a percentile from the published one."""
ENERGY_WITHIN = 0.05
LARGEST_KS = 0.05
"""Largest Kolmogorov-Smirnov distance from samples."""


def percentile(ascending: Sequence[float], share: float) -> float:
    """Return what this share of the values does not exceed, between two of them in proportion."""
    place = share * (len(ascending) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (place - below) * (ascending[above] - ascending[below])


@dataclass(frozen=True, slots=True)
class Found:
    """Values that the model gave, in ascending order."""

    values: Sequence[float]

    @classmethod
    def of(cls, values: Sequence[float]) -> Found:
        """Return the values in order."""
        return cls(sorted(values))

    @property
    def p50(self) -> float:
        """Return the median."""
        return percentile(self.values, 0.5)

    @property
    def p95(self) -> float:
        """Return the 95th percentile."""
        return percentile(self.values, 0.95)

    def share_up_to(self, value: float) -> float:
        """Return the share of the values that are not larger."""
        return bisect_right(self.values, value) / len(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One published figure, and the model's."""

    name: str
    unit: str
    found: Found
    p50: float | None = None
    """The published median; None: none is published."""
    p95: float | None = None
    percentiles: Sequence[float] = ()
    """Published percentiles 1 to 99, if there are samples."""
    between: tuple[float, float] | None = None
    """The published range, in which the model's median has to be."""
    within: float = WITHIN
    unread: str = ""
    """Why it cannot be judged; empty: it is."""

    @property
    def ks(self) -> float | None:
        """Return the largest distance of the two distributions at the published percentiles."""
        if not self.percentiles:
            return None
        return max(
            abs(self.found.share_up_to(value) - number / 100)
            for number, value in enumerate(self.percentiles, start=1)
        )

    @property
    def is_in_band(self) -> bool:
        """Return whether it is judged, and near enough."""
        if self.unread:
            return False
        if self.ks is not None:
            return self.ks <= LARGEST_KS
        if self.between is not None:
            low, high = self.between
            return low <= self.found.p50 <= high
        return _is_near(self.found.p50, self.p50, self.within) and _is_near(
            self.found.p95, self.p95, self.within
        )


def _is_near(found: float, published: float | None, within: float) -> bool:
    return published is None or abs(found - published) <= within * abs(published) + 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table: figures that belong together, and where they were published."""

    title: str
    source: str
    """Where the published figures are, as Markdown."""
    figures: Sequence[Figure]
    model: str
    """Which keys or parts of the model they are about."""
    note: str = field(default="")

    @property
    def is_in_band(self) -> bool:
        """Return whether all of its figures are."""
        return all(figure.is_in_band for figure in self.figures)
