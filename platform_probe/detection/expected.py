"""Which share is expected to be hit: the service level at first, learned afterwards.

What is learned is at least an hour old, and not from a time in which something was found: a change
must not become what is usual while it is being noticed. A block that was worse than chance makes it
counts as if it had been as bad as chance makes it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

BLOCK_S: Final = 600.0
LAG_BLOCKS: Final = 6
"""An hour: what is younger may be the beginning of what is to be found."""
WEIGHT_OF_PRIOR: Final = 300.0
"""Unlocks that the service level, or for a cohort the share of all, counts for [E]."""
MOST_WEIGHT: Final = 20_000.0
"""Unlocks that all that was learned counts for: what is older fades."""
LEAST_OF_PRIOR: Final = 0.5
"""A share below half of what the service level allows is no reason to wake anybody."""
MOST_SHARE: Final = 0.6
HOURS: Final = 168
SEASON_WEIGHT: Final = 20.0
"""Hits that "as at any other hour" counts for."""
SEASON_BOUNDS: Final = (0.5, 4.0)
_HOUR_S: Final = 3600.0


class Block(NamedTuple):
    """Unlocks of ten minutes or so."""

    unix_s: float
    attempts: int
    hits: int
    factor: float
    """By how much its hour differs."""


@dataclass(slots=True)
class Learned:
    """What was learned of one cohort and measure."""

    attempts: float = 0.0
    """Weighed by the season: as many as there would be of them at a usual hour."""
    hits: float = 0.0
    waiting: deque[Block] = field(default_factory=deque)
    """Blocks that are too young."""

    def share(self, prior: float) -> float:
        """Return the expected share, where `prior` is what is expected without any history."""
        return (self.hits + WEIGHT_OF_PRIOR * prior) / (self.attempts + WEIGHT_OF_PRIOR)

    def close_block(self, block: Block, *, prior: float) -> tuple[Block, float] | None:
        """Take a block that is over, and learn from the one that is old enough.

        Returns that one, and how many hits would be usual in it at a usual hour.
        """
        self.waiting.append(block)
        if len(self.waiting) <= LAG_BLOCKS:
            return None
        old = self.waiting.popleft()
        usual = self.share(prior) * old.attempts
        self._learn(old, usual * old.factor)
        return old, usual

    def forget_waiting(self) -> None:
        """Learn nothing from the last hour: something was found in it."""
        self.waiting.clear()

    def _learn(self, block: Block, usual: float) -> None:
        most = usual + 3.0 * math.sqrt(usual) + 1.0
        self.hits += min(float(block.hits), most)
        self.attempts += block.attempts * block.factor
        if self.attempts > MOST_WEIGHT:
            fade = MOST_WEIGHT / self.attempts
            self.attempts *= fade
            self.hits *= fade


class Season:
    """By how much an hour of the week differs, once there is history of it."""

    def __init__(self) -> None:
        self._hits = [0.0] * HOURS
        self._usual = [0.0] * HOURS
        self._factors: dict[int, float] = {}

    def learn(self, unix_s: float, hits: float, usual: float) -> None:
        """Take that so many were hit in a block, where so many are usual at any hour."""
        hour = hour_of_week(unix_s)
        self._hits[hour] += hits
        self._usual[hour] += usual
        self._factors.clear()

    def factor(self, unix_s: float) -> float:
        """Return by how much the share of an hour is multiplied."""
        hour = hour_of_week(unix_s)
        factor = self._factors.get(hour)
        if factor is None:
            factor = self._factors[hour] = self._factor_of(hour)
        return factor

    def _factor_of(self, hour: int) -> float:
        """Return the hour's own, filled up with that of the same hour of other days."""
        days = range(hour % 24, HOURS, 24)
        hits, usual = sum(self._hits[day] for day in days), sum(self._usual[day] for day in days)
        of_day = (hits + SEASON_WEIGHT) / (usual + SEASON_WEIGHT)
        own = (self._hits[hour] + SEASON_WEIGHT * of_day) / (self._usual[hour] + SEASON_WEIGHT)
        low, high = SEASON_BOUNDS
        return min(max(own, low), high)


def hour_of_week(unix_s: float) -> int:
    """Return the hour of the week, 0 to 167, by UTC."""
    return int(unix_s // _HOUR_S) % HOURS
