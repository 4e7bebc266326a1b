"""Whose boxes were not there, and when."""

from __future__ import annotations

import socket
from typing import cast

from fleet_sim.runs.live.absences import lost_boxes
from fleet_sim.runs.live.health import Pulse, Silence
from fleet_sim.runs.live.workers import Worker, Workers

CARS = [f"car-{number}" for number in range(1, 7)]
BEGAN_AT = 1_000.0


def _own(*silences: Silence) -> Pulse:
    pulse = Pulse("the run's own process")
    pulse.silences += silences
    return pulse


def test_each_span_has_its_cars() -> None:
    """Those of a process are every N-th, but for those that this process has; nothing of before."""
    channel = cast("socket.socket", None)
    first, second, third = (Worker(number, 3, 0, 2, channel) for number in (1, 2, 3))
    second.pulse.silences.append(Silence(990.0, 1_020.5))
    first.pulse.silences.append(Silence(900.0, 990.0))
    third.lose("it was killed", since=1_030.0)
    workers, own = Workers([first, second, third]), _own(Silence(1_040.0, 1_050.0))
    found = [*lost_boxes(workers, own, vehicle_ids=CARS, here={"car-5"}, began_at=BEGAN_AT)]
    told = [(each.process, each.since_s, each.until_s, each.vehicles) for each in found]
    assert told == [
        (0, 40.0, 50.0, ["car-5"]),
        (2, -10.0, 20.5, ["car-2"]),
        (3, 30.0, None, ["car-3", "car-6"]),
    ]
    assert not any(each.with_null_box for each in found)


def test_a_process_that_is_alone_has_all_cars() -> None:
    """And the null box."""
    own = _own(Silence(1_000.0, 1_012.0))
    (boxes,) = lost_boxes(Workers(), own, vehicle_ids=CARS, here=(), began_at=BEGAN_AT)
    assert (boxes.vehicles, boxes.with_null_box) == (CARS, True)
    assert boxes.name == "the run's own process"
