"""What the boxes of a town say: that they are there, that they are lost, and that they live.

Cars drive into garages in the evening, networks drop single ones all day, some sleep at night.
Rates are estimates [E].
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from typing import Final, NamedTuple

from bench.detection.town import DAY_S, HOUR_S, Car, Town, stream_of
from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus, VehicleState

LOST_A_DAY: Final = 1.5
"""Last wills of a car."""
LOST_BY_HOUR: Final = (
    0.3, 0.3, 0.3, 0.3, 0.3, 0.5, 1.0, 1.5, 1.2, 0.8, 0.8, 0.9,
    1.0, 0.9, 0.9, 1.0, 1.4, 2.4, 2.8, 2.2, 1.4, 1.0, 0.7, 0.4,
)  # fmt: skip
"""Where the day has 1: in the evening cars are parked."""
AWAY_S: Final = 600.0
"""Middle of how long a car is lost."""
SLEEPERS: Final = 0.3
"""Of the boxes: they go to sleep between ten and two, and wake up between five and nine."""


class Said(NamedTuple):
    """What a box says at a moment; `message` None: so many heartbeats came in a minute."""

    at_s: float
    car: Car | None
    message: Presence | VehicleState | None
    heartbeats: int = 0
    is_retained: bool = False


def said_by(town: Town, days: float, *, from_s: float = 0.0) -> Iterator[Said]:
    """Yield all that the boxes of a town say, in order: each minute the heartbeats of all."""
    fleet = town.fleet()
    stream = stream_of(town.seed, "boxes")
    for number, car in enumerate(fleet):
        yield Said(from_s, car, _state(car), is_retained=True)
        yield Said(from_s, car, Presence(PresenceStatus.ONLINE, f"{number}/0"), is_retained=True)
    there = len(fleet)
    waiting: list[tuple[float, int, int, Presence]] = []
    for number in range(len(fleet)):
        _plan(waiting, stream, number, from_s, session=0)
    minute_s = from_s + 60.0
    end_s = days * DAY_S
    while minute_s < end_s:
        while waiting and waiting[0][0] < minute_s:
            at_s, number, session, message = heapq.heappop(waiting)
            is_there = message.status is PresenceStatus.ONLINE
            there += 1 if is_there else -1
            yield Said(at_s, fleet[number], message)
            if is_there:
                _plan(waiting, stream, number, at_s, session)
        beats = round(stream.gauss(there, there**0.5))
        yield Said(minute_s, None, None, heartbeats=max(beats, 0))
        minute_s += 60.0


def _plan(
    waiting: list[tuple[float, int, int, Presence]],
    stream: random.Random,
    number: int,
    now_s: float,
    session: int,
) -> None:
    """Plan how a car is gone next, and when it is back."""
    at_s = _next_loss(stream, now_s)
    reason, back_s = PresenceReason.LAST_WILL, stream.lognormvariate(0.0, 1.0) * AWAY_S
    if number % 10 < SLEEPERS * 10:
        midnight_s = (now_s // DAY_S + 1) * DAY_S
        falls_s = midnight_s + stream.uniform(-2.0, 2.0) * HOUR_S
        if now_s < falls_s < at_s:
            at_s, reason = falls_s, PresenceReason.SLEEP
            back_s = midnight_s + stream.uniform(5.0, 9.0) * HOUR_S - at_s
    gone = Presence(PresenceStatus.OFFLINE, f"{number}/{session}", reason)
    back = Presence(PresenceStatus.ONLINE, f"{number}/{session + 1}")
    heapq.heappush(waiting, (at_s, number, session, gone))
    heapq.heappush(waiting, (at_s + back_s, number, session + 1, back))


def _next_loss(stream: random.Random, now_s: float) -> float:
    """Return when a car is lost next, by the hour."""
    most = LOST_A_DAY * max(LOST_BY_HOUR) / DAY_S
    at_s = now_s
    while True:
        at_s += stream.expovariate(most)
        if stream.random() * max(LOST_BY_HOUR) < LOST_BY_HOUR[int(at_s // HOUR_S) % 24]:
            return at_s


def _state(car: Car) -> VehicleState:
    return VehicleState(
        is_locked=True,
        is_open=False,
        voltage_v=12.6,
        firmware=car.firmware,
        hardware=car.hardware,
        operator=car.operator,
        region=car.region,
    )
