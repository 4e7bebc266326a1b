"""The monitor's alerting, fed with unlocks in virtual time."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from bench.detection.boxes import Said
from bench.detection.town import EPOCH_S
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.incident import Incident
from fleet_wire.contract.messages import Presence
from platform_probe.cars.fleet import Fleet
from platform_probe.cars.state import CarState
from platform_probe.judge.alerting import Alerting

KEPT: Final = 20_000
"""Unlocks that a monitor finds in its files when it starts."""

MOST_CARS: Final = 1_000_000


class _Call:
    """A call that is to come."""

    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        """Let it not come."""
        self.is_cancelled = True


class TurnedTime:
    """Clock and timers, as the benchmark turns them."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._calls: list[tuple[float, int, _Call, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0
        self._alerting: Alerting | None = None

    def drive(self, alerting: Alerting) -> Alerting:
        """Tick this alerting, and no other, when something of it is due."""
        self._alerting = alerting
        alerting.start_ticks()
        return alerting

    def monotonic_s(self) -> float:
        """Return the monotonic clock."""
        return self.now_s

    def unix_s(self) -> float:
        """Return the wall clock."""
        return EPOCH_S + self.now_s

    def call_later(self, delay_s: float, then: Callable[..., None], /, *arguments: Any) -> _Call:
        """Call `then` after `delay_s` seconds."""
        call = _Call()
        self._number += 1
        heapq.heappush(self._calls, (self.now_s + delay_s, self._number, call, then, arguments))
        return call

    def call_soon(self, then: Callable[..., None], /, *arguments: Any) -> _Call:
        """Call `then` after what is due already."""
        return self.call_later(0.0, then, *arguments)

    def go_to(self, at_s: float) -> None:
        """Let time pass."""
        calls = self._calls
        while True:
            tick_s = math.inf if self._alerting is None else self._alerting.due_s
            call_s = calls[0][0] if calls else math.inf
            if min(tick_s, call_s) > at_s:
                break
            self.now_s = max(self.now_s, min(tick_s, call_s))
            if self._alerting is not None and tick_s <= call_s:
                self._alerting.tick()
                continue
            _, _, call, then, arguments = heapq.heappop(calls)
            if not call.is_cancelled:
                then(*arguments)
        self.now_s = at_s


class Watching:
    """A monitor that is started anew now and then, with what it finds in its files."""

    def __init__(self, *, restart_every_s: float | None = None) -> None:
        self.told: list[Incident] = []
        """Every revision of every incident that was found."""
        self._time = TurnedTime()
        self._restart_every_s = restart_every_s or math.inf
        self._restart_s = self._restart_every_s
        self._kept: deque[Attempt] = deque(maxlen=KEPT)
        self._cars = Fleet(CarState, most=MOST_CARS)
        self._alerting = self._started()

    def _started(self) -> Alerting:
        time = self._time
        return time.drive(
            Alerting(clock=time, tell=self.told.append, name="bench", cars=self._cars)
        )

    def attempt(self, attempt: Attempt) -> None:
        """Take an unlock, when it ends."""
        self._time.go_to(attempt.started_at + attempt.total_s - EPOCH_S)
        self._alerting.record(attempt)
        self._kept.append(attempt)
        if self._time.now_s >= self._restart_s:
            self._restart()

    def heard(self, said: Said) -> None:
        """Take what a box says."""
        self._time.go_to(said.at_s)
        if said.car is None:
            for _ in range(said.heartbeats):
                self._alerting.heartbeat()
            return
        vehicle_id, now_s, retained = said.car.vehicle_id, self._time.now_s, said.is_retained
        self._cars.on_lost = self._alerting.car_lost
        self._cars.on_connected_anew = self._alerting.car_connected_anew
        if isinstance(said.message, Presence):
            self._cars.take_presence(vehicle_id, said.message, now_s, retained=retained)
        elif said.message is not None:
            self._cars.take_state(vehicle_id, said.message, now_s, retained=retained)
        if retained:
            self._alerting.on_retained_message()

    def close(self) -> None:
        """Look for the last time."""
        self._alerting.tick()

    def _restart(self) -> None:
        self._restart_s += self._restart_every_s
        self._alerting.tick()
        last = {one.incident_id: one for one in self.told}
        self._alerting = self._started()
        self._alerting.restore([*self._kept], [*last.values()])


def watch(
    unlocks: Iterable[Attempt],
    said: Iterable[Said] = (),
    *,
    restart_every_s: float | None = None,
) -> tuple[list[Incident], int]:
    """Return every revision of every incident that was found, and how many unlocks there were."""
    watching = Watching(restart_every_s=restart_every_s)
    number = 0
    happened: list[Iterable[Attempt | Said]] = [unlocks, said]
    for one in heapq.merge(*happened, key=_at_s):
        if isinstance(one, Attempt):
            number += 1
            watching.attempt(one)
        else:
            watching.heard(one)
    watching.close()
    return watching.told, number


def _at_s(one: Attempt | Said) -> float:
    return one.started_at + one.total_s - EPOCH_S if isinstance(one, Attempt) else one.at_s
