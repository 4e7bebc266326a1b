"""A store with an unlock a minute in each of two regions, of which one begins to fail."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fleet_wire.contract.causes import Cause
from tests.helpers.stores import BEGIN_S, kept, put_unlocks, unlock

COAST_BEGAN_S: Final = 3 * 3_600
"""The coast fails from this second on, the centre never."""


def make_coast_store(directory: Path) -> Path:
    """Make the store, of four hours, and return its directory."""
    unlocks = []
    for second in range(0, COAST_BEGAN_S + 3_600, 60):
        for number, region in ((2 * second, "coast"), (2 * second + 1, "centre")):
            fails = region == "coast" and second >= COAST_BEGAN_S
            cause = Cause.BOX_OFFLINE if fails else None
            at = BEGIN_S + second
            car, its = f"car-{number % 37}", {"region": region, "firmware": f"2.{region[1]}"}
            unlocks.append(unlock(number, car=car, cause=cause, started_at=at, **its))
    put_unlocks(directory, unlocks)
    kept(directory)
    return directory
