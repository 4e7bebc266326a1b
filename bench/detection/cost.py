"""What detection costs an unlock, on one core."""

from __future__ import annotations

import time
from itertools import islice
from typing import Final

from bench.detection.town import EPOCH_S, Town
from bench.detection.watching import TurnedTime
from fleet_wire.contract.attempt import Attempt
from platform_probe.alerting import Alerting
from platform_probe.diagnosis.cohorts.words import utc_clock

WARM: Final = 5_000
MANY: Final = 30_000


def measure_cost(unlocks: int = MANY) -> tuple[float, int]:
    """Return microseconds of CPU an unlock, ticks included, and how many cohorts there were.

    At ten unlocks a second, of a town with 500 cohorts.
    """
    time_, told = TurnedTime(), list[object]()
    alerting = Alerting(clock=time_, timers=time_, tell=told.append, words=utc_clock, name="cost")
    attempts = _attempts(WARM + unlocks)
    for attempt in attempts[:WARM]:
        time_.go_to(attempt.started_at + attempt.total_s - EPOCH_S)
        alerting.emit(attempt)
    began_s = time.process_time()
    for attempt in attempts[WARM:]:
        time_.go_to(attempt.started_at + attempt.total_s - EPOCH_S)
        alerting.emit(attempt)
    used_s = time.process_time() - began_s
    return used_s / unlocks * 1e6, alerting.stats()["cohorts"]


def _attempts(number: int) -> list[Attempt]:
    """Return unlocks of a town whose regions, releases and kinds of cars make 500 cohorts."""
    town = Town(3, a_minute=4_000.0, regions=19, releases=10)
    return [*islice(town.unlocks(2.0), number)]
