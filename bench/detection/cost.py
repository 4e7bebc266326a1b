"""What detection costs an unlock, on one core."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

from bench.detection.town import EPOCH_S, Town
from bench.detection.watching import TurnedTime
from fleet_wire.contract.attempt import Attempt
from fleet_wire.garbage import all_frozen
from platform_probe.cars.fleet import Fleet
from platform_probe.cars.state import CarState
from platform_probe.judge.alerting import Alerting
from platform_probe.service.running import MIDDLE, OLD, YOUNG_OBJECTS

WARM: Final = 5_000
MANY: Final = 30_000


def measure_cost(unlocks: int = MANY) -> tuple[float, int]:
    """Return microseconds of CPU an unlock, ticks included, and how many cohorts there were.

    At ten unlocks a second, of a town with 500 cohorts.
    """
    time_, told = TurnedTime(), list[object]()
    alerting = time_.drive(
        Alerting(
            clock=time_,
            tell=told.append,
            name="cost",
            cars=Fleet(CarState, most=1),
        )
    )
    attempts = _attempts(WARM + unlocks)
    for attempt in attempts[:WARM]:
        time_.go_to(attempt.started_at + attempt.total_s - EPOCH_S)
        alerting.record(attempt)
    with _garbage_collected_as_in_a_monitor():
        began_s = time.process_time()
        for attempt in attempts[WARM:]:
            time_.go_to(attempt.started_at + attempt.total_s - EPOCH_S)
            alerting.record(attempt)
        used_s = time.process_time() - began_s
    return used_s / unlocks * 1e6, alerting.stats()["cohorts"]


@contextmanager
def _garbage_collected_as_in_a_monitor() -> Iterator[None]:
    """Else what is measured is, for a tenth, that Python looks through our own attempts."""
    usual = gc.get_threshold()
    gc.collect()
    gc.set_threshold(YOUNG_OBJECTS, MIDDLE, OLD)
    try:
        with all_frozen():
            yield
    finally:
        gc.set_threshold(*usual)


def _attempts(number: int) -> list[Attempt]:
    """Return unlocks of a town whose regions, releases and kinds of cars make 500 cohorts."""
    town = Town(3, a_minute=4_000.0, regions=19, releases=10)
    return [*islice(town.unlocks(2.0), number)]
