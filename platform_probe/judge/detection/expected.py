"""Which share is expected to be hit: the service level at first, learned afterwards.

Learned data is at least an hour old, and excludes times with a finding: a change must not become
usual while it is being noticed. A block that was worse than chance makes it counts as if it had
been as bad as chance makes it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

BLOCK_S: Final = 1800.0
LAG_BLOCKS: Final = 2
"""The last hour: younger blocks may be the beginning of a problem."""
WEIGHT_OF_PRIOR: Final = 300.0
"""Unlocks that the service level, or for a cohort the share of all, counts for [E]."""
MOST_WEIGHT: Final = 20_000.0
"""Unlocks that all that was learned counts for: what is older fades."""
LEAST_OF_PRIOR: Final = 0.5
"""A share below half of the service level's allowance is no reason to wake anybody."""
MOST_SHARE: Final = 0.6
HOURS: Final = 168
WEIGHT_OF_USUAL: Final = 8.0
"""Hits that "as at any other hour" counts for: few, since cars do sleep at night [E]."""
WEIGHT_OF_OTHER_DAYS: Final = 20.0
"""Hits that the same time of other days counts for [E]."""
SEASON_BOUNDS: Final = (0.5, 6.0)
_HOUR_S: Final = 3600.0


class Block(NamedTuple):
    """Unlocks of half an hour or so."""

    unix_s: float
    attempts: int
    hits: int
    factor: float
    """The factor of its hour."""


@dataclass(slots=True)
class LearnedRate:
    """The learned rate of one cohort and measure."""

    attempts: float = 0.0
    """Weighed by the season: as many as there would be of them at a usual hour."""
    hits: float = 0.0
    waiting: deque[Block] = field(default_factory=deque)
    """Blocks that are too young."""

    def share(self, prior: float) -> float:
        """Return the expected share, where `prior` is what is expected without any history.

        A standard deviation above the mean: where little was seen, luck must not become the rule.
        """
        hits = self.hits + WEIGHT_OF_PRIOR * prior
        return (hits + math.sqrt(self.hits)) / (self.attempts + WEIGHT_OF_PRIOR)

    def close_block(self, block: Block, *, prior: float) -> Block | None:
        """Close a block, and learn from the one that is old enough, which is returned."""
        self.waiting.append(block)
        if len(self.waiting) <= LAG_BLOCKS:
            return None
        old = self.waiting.popleft()
        self._learn(old, self.share(prior) * old.attempts * old.factor)
        return old

    def forget_waiting(self) -> None:
        """Drop the last hour from learning: something was found in it."""
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
    """The factor of each hour of the week, as far as there is history of it."""

    def __init__(self) -> None:
        self._hits = [0.0] * HOURS
        self._attempts = [0.0] * HOURS
        self._factors: dict[int, tuple[float, float]] = {}

    def learn(self, block: Block) -> None:
        """Update the factor of an hour by a block of it."""
        hour = hour_of_week(block.unix_s)
        self._hits[hour] += block.hits
        self._attempts[hour] += block.attempts
        self._factors.clear()

    def factor(self, unix_s: float) -> float:
        """Return by how much the share of an hour differs, as far as is known."""
        return self._rates_at(unix_s)[0]

    def highest(self, unix_s: float) -> float:
        """Return by how much it may differ: a standard deviation more.

        An hour may be as bad as the one before it or after it: nights do not end on the hour.
        """
        return self._rates_at(unix_s)[1]

    def _rates_at(self, unix_s: float) -> tuple[float, float]:
        hour = hour_of_week(unix_s)
        both = self._factors.get(hour)
        if both is None:
            own, highest = self._factors_of(hour)
            near = (self._factors_of((hour + each) % HOURS)[0] for each in (-1, 1))
            highest = max(highest, *near)
            low, high = SEASON_BOUNDS
            both = min(max(own, low), high), min(max(highest, low), high)
            self._factors[hour] = both
        return both

    def _factors_of(self, hour: int) -> tuple[float, float]:
        """Return the factor of an hour and its highest, filled up with that time of all days."""
        attempts = sum(self._attempts)
        share = sum(self._hits) / attempts if attempts else 0.0
        of_days = range(hour % 24, HOURS, 24)
        hits = sum(self._hits[each] for each in of_days) + WEIGHT_OF_USUAL
        usual = share * sum(self._attempts[each] for each in of_days) + WEIGHT_OF_USUAL
        own_hits = self._hits[hour] + WEIGHT_OF_OTHER_DAYS * hits / usual
        own = own_hits / (share * self._attempts[hour] + WEIGHT_OF_OTHER_DAYS)
        return own, own * (1.0 + 1.0 / math.sqrt(hits))


def hour_of_week(unix_s: float) -> int:
    """Return the hour of the week, 0 to 167, by UTC."""
    return int(unix_s // _HOUR_S) % HOURS
