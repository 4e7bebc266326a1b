"""Thirty simulated days of healthy fleets under the shipped rules: `make days`.

Three fleets live ten days each, side by side. What would have woken somebody is printed, and the
exit code is 1. Takes about ten minutes on two cores.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.helpers.healthy_days import FLEETS, HealthyFleet, lived, woken_by
from tests.helpers.judged import told

DAYS_EACH = 10.0
SEED = 1


def days_of(healthy: HealthyFleet) -> tuple[int, list[str]]:
    """Return how many customers came, and a line for each page."""
    fleet = lived(healthy, days=DAYS_EACH, seed=SEED)
    with tempfile.TemporaryDirectory() as directory:
        return fleet.platform.unlocks, told(woken_by(fleet, Path(directory)))


def main() -> int:
    """Let every fleet live its days; return 1 if anybody would have been woken."""
    woken = 0
    with ProcessPoolExecutor(max_workers=2) as pool:
        for healthy, (unlocks, lines) in zip(FLEETS, pool.map(days_of, FLEETS), strict=True):
            sys.stdout.write(
                f"{healthy.name}: {DAYS_EACH:g} days, {sum(healthy.regions.values())} cars,"
                f" {unlocks} unlocks of customers, {len(lines)} pages\n"
            )
            sys.stdout.writelines(f"  {line}\n" for line in lines)
            woken += len(lines)
    return 1 if woken else 0


if __name__ == "__main__":
    sys.exit(main())
