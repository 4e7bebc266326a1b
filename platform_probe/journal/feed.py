"""Makes journal entries of the measuring half's events, stamped with journal time. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import Attempt, Record
from fleet_wire.contract.broker_log import BrokerEvent
from fleet_wire.contract.incident import IncidentAction
from fleet_wire.contract.label import Label
from fleet_wire.contract.platform_log import PlatformEvent
from fleet_wire.contract.topics import TopicKind
from platform_probe.journal.entries import (
    BrokerLine,
    CarMessage,
    CarRemoved,
    ConnectionChanged,
    Entry,
    LogPosition,
    MonitorStarted,
    MonitorStopped,
    PersonActed,
    PlatformLine,
    RecordWritten,
    Tick,
    UnlockLabelled,
    UnlockUnanswered,
)

TICK_EVERY_S: Final = 1.0
MAX_DRIFT_S: Final = 0.5
"""Further off the wall clock, journal time jumps ahead, or slows down until the wall is there."""
SLOWED_BY: Final = 0.1
"""Part of a second by which a second of journal time is shorter while it waits for the wall."""


class JournalTime:
    """Seconds that never go back, close to Unix time.

    Journal time is the monotonic clock plus an offset.
    """

    def __init__(self, clock: Clock) -> None:
        self._monotonic_s = clock.monotonic_s
        self._unix_s = clock.unix_s
        self._offset_s = clock.unix_s() - clock.monotonic_s()

    def seconds(self) -> float:
        """Return journal time."""
        return self._monotonic_s() + self._offset_s

    def follow_wall(self) -> None:
        """Follow a wall clock that was set: ahead at once, back slowly. Call it once a second."""
        behind_s = self._unix_s() - self.seconds()
        if behind_s > MAX_DRIFT_S:
            self._offset_s += behind_s
        elif behind_s < -MAX_DRIFT_S:
            self._offset_s -= SLOWED_BY * TICK_EVERY_S


class JournalFeed:
    """Stamps what is measured and heard, and hands it to `append`.

    Without a `time` journal time is the monotonic clock, as in virtual time, where no clock drifts.
    """

    def __init__(
        self,
        append: Callable[[Entry], None],
        *,
        clock: Clock,
        time: JournalTime | None = None,
    ) -> None:
        self._append = append
        self._unix_s = clock.unix_s
        self._time = time
        self._now = clock.monotonic_s if time is None else time.seconds

    def start(self) -> None:
        """Note that this process begins to measure."""
        self._append(MonitorStarted(self._now(), self._unix_s()))

    def stop(self) -> None:
        """Note that it has ended in good order."""
        self._append(MonitorStopped(self._now()))

    def tick(self) -> None:
        """Note that a second has passed. Call it every `TICK_EVERY_S`."""
        if self._time is not None:
            self._time.follow_wall()
        self._append(Tick(self._now(), self._unix_s()))

    def emit(self, record: Record) -> None:
        """Note a record."""
        self._append(RecordWritten(self._now(), record))

    def unanswered(self, record: Attempt) -> None:
        """Note an unlock to which a connected car says nothing."""
        self._append(UnlockUnanswered(self._now(), record))

    def connection(self, *, is_there: bool) -> None:
        """Note that there is a connection with the broker, or none."""
        self._append(ConnectionChanged(self._now(), is_there))

    def act(self, action: IncidentAction) -> None:
        """Note what a person does to an incident."""
        self._append(PersonActed(self._now(), action))

    def label(self, label: Label) -> None:
        """Note what a person says of an unlock."""
        self._append(UnlockLabelled(self._now(), label))

    def log_position(self, position: msgspec.Raw) -> None:
        """Note how far the platform's log was read: all lines before stand in the journal."""
        self._append(LogPosition(self._now(), position))

    def platform_said(self, event: PlatformEvent) -> None:
        """Note a new line of the platform's log."""
        self._append(PlatformLine(self._now(), event))

    # What is heard of cars and from the broker

    def on_message(
        self, kind: TopicKind, vehicle_id: str, message: Any, /, *, is_retained: bool
    ) -> None:
        """Note a message of a car, or a command to it."""
        self._append(CarMessage(self._now(), kind, vehicle_id, message, is_retained))

    def broker_said(self, event: BrokerEvent) -> None:
        """Note a line of the broker's log."""
        self._append(BrokerLine(self._now(), event))

    def removed(self, vehicle_id: str) -> None:
        """Note that a car was taken out of service."""
        self._append(CarRemoved(self._now(), vehicle_id))
