"""The monitor's alerting, fed with unlocks in virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any

from bench.detection.town import EPOCH_S
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.incident import Incident
from platform_probe.alerting import Alerting
from platform_probe.diagnosis.cohorts.words import utc_clock


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
        while calls and calls[0][0] <= at_s:
            due_s, _, call, then, arguments = heapq.heappop(calls)
            if not call.is_cancelled:
                self.now_s = due_s
                then(*arguments)
        self.now_s = at_s


def watch(
    unlocks: Iterable[Attempt], *, restart_every_s: float | None = None
) -> tuple[list[Incident], int]:
    """Return every revision of every incident that was found, and how many unlocks there were.

    The monitor is started anew each `restart_every_s`, with what it finds in its files.
    """
    time, told = TurnedTime(), list[Incident]()

    def started() -> Alerting:
        return Alerting(clock=time, timers=time, tell=told.append, words=utc_clock, name="bench")

    alerting = started()
    kept: list[Attempt] = []
    number = 0
    restart_s = restart_every_s
    for attempt in unlocks:
        number += 1
        time.go_to(attempt.started_at + attempt.total_s - EPOCH_S)
        alerting.emit(attempt)
        if restart_every_s is None or restart_s is None:
            continue
        kept.append(attempt)
        if time.now_s >= restart_s:
            restart_s += restart_every_s
            alerting.close()
            open_ones = alerting.incidents.open
            alerting = started()
            kept = kept[-20_000:]
            alerting.take_up(kept, open_ones)
    time.go_to(time.now_s + 60.0)
    alerting.close()
    return told, number
