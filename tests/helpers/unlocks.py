"""Counts of a small fleet to search for cohorts in: two regions, two operators, two firmwares."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from platform_probe.judge.diagnosis.cohorts.counts import Count, Values

TRAITS = ("region", "operator", "firmware")
KINDS: tuple[Values, ...] = tuple(product(("city", "coast"), ("north", "south"), ("1.0", "2.0")))
BEGAN_AT = 1_767_225_600.0 + 8 * 3600 + 12 * 60
"""08:12 UTC."""
EVERY_S = 15.0
CARS = 160


def unlocks(
    fails: Callable[[Values, int], bool], *, before: int = 800, since: int = 160
) -> list[Count]:
    """Return one unlock every 15 s, of one car and kind after the other, around 08:12.

    From then on `fails` says of values and number what fails; before, each fiftieth does.
    """
    return [
        Count(
            at=BEGAN_AT + number * EVERY_S,
            values=KINDS[number % len(KINDS)],
            vehicle_id=f"car-{number % CARS}",
            failures=int(fails(KINDS[number % len(KINDS)], number) if number >= 0 else is_fiftieth),
        )
        for number in range(-before, since)
        for is_fiftieth in [number % 50 == 0]
    ]
