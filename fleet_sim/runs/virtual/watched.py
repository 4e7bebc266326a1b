"""Detection and incidents in a virtual run, begun anew at moments that the run was given.

What a monitor that starts anew finds is what a live one does: the records and incidents that were
written, and of each car the presence and the state that the broker retains. Its diagnosis, which
follows unlocks under way, goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from fleet_sim.runs.virtual.time import VirtualTimers
from fleet_wire.contract.attempt import Attempt, Record
from fleet_wire.contract.broker_log import BrokerEvent
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.platform_log import PlatformEvent
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.routine import Follower
from platform_probe.alerting import Alerting

_RETAINED = (TopicKind.PRESENCE, TopicKind.STATE)


class WatchedRun:
    """A sink of records and a hearer of cars, as `Alerting` is, which may be begun anew."""

    kinds: Final = Alerting.kinds
    """As `Alerting` has them."""

    def __init__(
        self, start: Callable[[], Alerting], *, timers: VirtualTimers, restarts_s: Sequence[float]
    ) -> None:
        self._start = start
        self._alerting = start()
        self._timers = timers
        self._keeps = bool(restarts_s)
        self._restarts_s = tuple(restarts_s)
        self._written: list[Attempt] = []
        self._diagnosed: list[Diagnosis] = []
        self._retained: dict[tuple[TopicKind, str], Any] = {}

    def begin_load(self) -> None:
        """Count the moments of the restarts from now."""
        for at_s in self._restarts_s:
            self._timers.call_later(at_s, self.restart)

    def restart(self) -> None:
        """End, and begin anew with what a process finds that starts."""
        self._alerting.close()
        remembered = self._alerting.incidents.remembered
        self._alerting = self._start()
        self._alerting.take_up(self._written, remembered, self._diagnosed)
        for (kind, vehicle_id), message in self._retained.items():
            self._alerting.heard(kind, vehicle_id, message, is_retained=True)

    def emit(self, record: Record) -> None:
        """Take a record."""
        if self._keeps and isinstance(record, Attempt):
            self._written.append(record)
        self._alerting.emit(record)

    def unanswered(self, record: Attempt) -> None:
        """Take an unlock that looks failed before it has ended."""
        self._alerting.unanswered(record)

    def diagnosis(self, diagnosis: Diagnosis) -> None:
        """Take a diagnosis."""
        if self._keeps:
            self._diagnosed.append(diagnosis)
        self._alerting.diagnosis(diagnosis)

    def connection(self, *, is_there: bool) -> None:
        """Take that the monitor is connected to the broker, or no longer."""
        self._alerting.connection(is_there=is_there)

    def close(self) -> None:
        """Look for the last time."""
        self._alerting.close()

    # What is heard, as `watching.inbox.Hears` has it

    def heard(
        self, kind: TopicKind, vehicle_id: str, message: Any, /, *, is_retained: bool
    ) -> None:
        """Take a message of a car."""
        if self._keeps and kind in _RETAINED:
            self._retained[kind, vehicle_id] = message
        self._alerting.heard(kind, vehicle_id, message, is_retained=is_retained)

    def follower(self, vehicle_id: str) -> Follower:
        """Return what follows the heartbeats of a car."""
        return self._alerting.follower(vehicle_id)

    def came_together(self, heartbeats: int) -> None:
        """Take that so many heartbeats have come."""
        self._alerting.came_together(heartbeats)

    def broker_said(self, event: BrokerEvent) -> None:
        """Take a line of the broker's log."""
        self._alerting.broker_said(event)

    def platform_said(self, event: PlatformEvent) -> None:
        """Take a line of the platform's log."""
        self._alerting.platform_said(event)

    def removed(self, vehicle_id: str) -> None:
        """Forget a car that was taken out of service."""
        self._alerting.removed(vehicle_id)
