"""Whether a box came back as soon as it can find its connection dead, or later. No I/O.

A box finds that by its ping, a keepalive after its last packet at the latest (MQTT 5.0, 3.1.2.10).
A box that lost only its connection is back by then; one without radio returns with the radio.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from platform_probe.cars.state import Session
from platform_probe.judge.diagnosis.car_history import CarHistory
from platform_probe.judge.diagnosis.census import LATE_HEARTBEATS

PING_PATIENCE_S: Final = 40.0
"""A box waits 10 to 20 s for the answer to a ping, and its network for as long for it [E]."""
BY_ITSELF_S: Final = 0.5
"""A box that has connected says so, and more, in any order: none of that was before."""
_NEVER_LOST: Final = frozenset({Session.ASLEEP, Session.SHUTDOWN, None})


class Return(NamedTuple):
    """A box that has connected anew after a silence."""

    lost_s: float
    """When it was last heard of before."""
    is_overdue: bool
    """Whether it stayed away for longer than it takes to find a dead connection."""


def notices_within_s(keepalive_s: float) -> float:
    """Return how long it takes a box at most to notice a dead connection, and to connect again."""
    return keepalive_s + PING_PATIENCE_S


def is_overdue(silent_s: float, keepalive_s: float, interval_s: float) -> bool | None:
    """Return whether a silence was too long for a connection that died; None: that is not known.

    The connection died between the last sign of life and the next that was due, `interval_s` later.
    """
    found_s = notices_within_s(keepalive_s)
    if found_s < silent_s <= found_s + interval_s:
        return None
    return silent_s > found_s


def return_of(car: CarHistory, now_s: float) -> Return | None:
    """Return what a box that connects now has come back from; None: nothing follows from it.

    If a connection ended without a word all messages count, else the ones that fell silent.
    """
    if car.standing in _NEVER_LOST or car.keepalive_s is None:
        return None
    lost_s = car.last_heard_before(now_s - BY_ITSELF_S)
    if car.interval_s is None or lost_s is None:
        return None
    silent_s = now_s - lost_s
    if car.standing is not Session.ONLINE and silent_s <= car.interval_s * LATE_HEARTBEATS:
        return None  # its connection broke, and the broker saw it
    overdue = is_overdue(silent_s, car.keepalive_s, car.interval_s)
    return None if overdue is None else Return(lost_s, overdue)
