"""Detection and incidents put together: takes records and diagnoses, tells incidents.

Both decide without I/O; this module gives them clock and timers, and is a sink of records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import Attempt, Record
from fleet_wire.contract.broker_log import BrokerEvent
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident, IncidentAction
from fleet_wire.contract.messages import Telemetry
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.routine import Beat, Follower
from platform_probe.detection.detection import Detection
from platform_probe.incidents.incidents import Incidents
from platform_probe.incidents.maintenance import MaintenanceWindow
from platform_probe.load.timers import Timer, Timers


class _NothingKept(Follower):
    """Follows any car, and keeps nothing of it."""

    __slots__ = ()

    def take_beats(self, beats: Sequence[Beat], telemetry_at: Callable[[float], Telemetry]) -> None:
        """Take none."""


_NOTHING_KEPT: Final = _NothingKept()


class Alerting:
    """Finds problems while the monitor runs. As a sink it takes every record."""

    kinds: Final = frozenset(TopicKind) - {TopicKind.RESULT, TopicKind.COMMAND}
    """What a command and its answers come to, the records say."""

    def __init__(
        self,
        *,
        clock: Clock,
        timers: Timers,
        tell: Callable[[Incident], None],
        words: Callable[[float], str],
        name: str,
        windows: Sequence[MaintenanceWindow] = (),
    ) -> None:
        """Make both. `words` says the time of day, `name` is the monitor's."""
        self._clock = clock
        self._timers = timers
        self.incidents = Incidents(clock=clock, tell=tell, words=words, name=name, windows=windows)
        self._detection = Detection(clock=clock, found=self.incidents.take)
        self._detection.on_alarm = self._plan
        self._timer: Timer | None = None
        self._due_s = float("inf")
        self._plan()

    def take_up(
        self,
        attempts: Iterable[Attempt],
        incidents: Sequence[Incident],
        diagnoses: Sequence[Diagnosis] = (),
    ) -> None:
        """Take up what an earlier process knew: its last records, and incidents not long ago."""
        self.incidents.restore(incidents)
        self._detection.warm(attempts, diagnoses, self.incidents.take_up)
        self._detection.take_up(incidents, diagnoses)
        self.incidents.begin()
        self._plan()

    def emit(self, record: Record) -> None:
        """Take a record."""
        self.emit_together((record,))

    def emit_together(self, records: Sequence[Record]) -> None:
        """Take records that were written together."""
        self._detection.take(records)

    def unanswered(self, record: Attempt) -> None:
        """Take an unlock that looks failed before it has ended, as its record would be now."""
        self._detection.unanswered(record)

    def diagnosis(self, diagnosis: Diagnosis) -> None:
        """Take a diagnosis."""
        self._detection.diagnosis(diagnosis)

    # What is heard, as `watching.inbox.Hears` has it

    def heard(
        self, _kind: TopicKind, vehicle_id: str, message: Any, /, *, is_retained: bool
    ) -> None:
        """Take a message of a car."""
        self._detection.heard(vehicle_id, message, is_retained=is_retained)

    def follower(self, vehicle_id: str) -> Follower:  # noqa: ARG002 - the form of `Hears`
        """Keep nothing of what a car's heartbeats say: they are counted as they come."""
        return _NOTHING_KEPT

    def came_together(self, heartbeats: int) -> None:
        """Take that so many heartbeats have come."""
        self._detection.beats(heartbeats)

    def broker_said(self, event: BrokerEvent) -> None:
        """Pass over the broker's word: the diagnosis has it."""

    def platform_said(self, event: PlatformEvent) -> None:
        """Take a line of the platform's log: of each press, before it has ended."""
        is_press = event.event is PlatformStep.REQUESTED and event.operation == "unlock"
        if is_press and event.vehicle_id is not None:
            self._detection.pressed(
                event.vehicle_id,
                account_id=event.account_id,
                booking_id=event.booking_id,
                trace_id=event.trace_id,
            )

    def removed(self, vehicle_id: str) -> None:
        """Forget a car that was taken out of service."""
        self._detection.removed(vehicle_id)

    def connection(self, *, is_there: bool) -> None:
        """Take that the monitor is connected to the broker, or no longer."""
        self._detection.connection(is_there=is_there)

    # People

    def act(self, action: IncidentAction) -> bool:
        """Do what a person asks for; return whether there is such an incident."""
        return self.incidents.act(action)

    def stats(self) -> dict[str, Any]:
        """Return how the tests fare."""
        return self._detection.stats()

    def close(self) -> None:
        """Look for the last time, and stop the timer."""
        self._tick()
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        self._due_s = float("inf")
        self._detection.tick()
        self.incidents.tick()
        self._plan()

    def _plan(self) -> None:
        """See to it that `_tick` comes when something is to be looked at."""
        at_s = self._detection.next_s()
        if at_s >= self._due_s:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due_s = at_s
        self._timer = self._timers.call_later(
            max(at_s - self._clock.monotonic_s(), 0.0), self._tick
        )
