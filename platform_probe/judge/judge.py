"""The judge: a fold over the journal. `apply(entry)` returns the judgements that follow from it.

It has no timers, no wall clock and does no I/O. Time is what the entries say: before an entry is
applied, all that was due by then is done, each at its own moment. So the same journal gives the
same judgements, live, in virtual time and in a replay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from fleet_wire.contract.topics import TopicKind
from platform_probe.journal.codec import UnsignedCommand
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
from platform_probe.judge.alerting import Alerting
from platform_probe.judge.diagnosis.diagnosing import Diagnosing
from platform_probe.judge.diagnosis.ranking import Ranking
from platform_probe.judge.incidents.maintenance import MaintenanceWindow
from platform_probe.judge.resuming import Past
from platform_probe.texts.speaking import ENGLISH, Speaker

UNJUDGED: Final = (
    PlatformLine, UnlockUnanswered, UnlockLabelled, LogPosition, UnsignedCommand,
)  # fmt: skip
"""Entries, and a message, that no judgement follows from: to pass over them changes none."""
LEAST_STEP_S: Final = 0.05
"""Looks that follow each other sooner than this are done together."""


class DiagnosisSettled(msgspec.Struct, frozen=True, gc=False):
    """The last revision of a diagnosis: nothing changes it any more."""

    diagnosis: Diagnosis


Judgement = Diagnosis | DiagnosisSettled | Incident


class JournalClock:
    """The clock of the judge: the time of the entry that it applies. Implements `Clock`."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.offset_s = 0.0
        """The offset from journal time to the wall clock, as of the last tick."""

    def monotonic_s(self) -> float:
        """Return journal time."""
        return self.now_s

    def unix_s(self) -> float:
        """Return the wall time that belongs to it."""
        return self.now_s + self.offset_s


class Judge:
    """Believes something of each failed unlock, and finds what has become unusual."""

    def __init__(
        self,
        ranking: Ranking,
        *,
        english: Speaker = ENGLISH,
        name: str,
        windows: Sequence[MaintenanceWindow] = (),
        detects: bool = True,
    ) -> None:
        """Make a judge that knows nothing yet.

        `english` says what records keep, `name` is the monitor's, `detects` says whether it looks
        for incidents.
        """
        self._clock = JournalClock()
        self._judgements: list[Judgement] = []
        self.diagnosing = Diagnosing(ranking, clock=self._clock, tell=self._diagnosed)
        self.diagnosing.on_settled = self._settled
        self.diagnosing.on_wait = self._plan
        self.alerting: Alerting | None = None
        if detects:
            self.alerting = Alerting(
                clock=self._clock,
                tell=self._judgements.append,
                english=english,
                name=name,
                cars=self.diagnosing.cars,
                windows=windows,
            )
        self.diagnosing.cars.on_lost = self._car_lost
        self.diagnosing.cars.on_connected_anew = self._car_connected_anew
        self._due_s = -math.inf
        """When something is due next; before the first entry nothing was, and it begins then."""
        self._appliers: dict[type, Callable[[Any], None]] = {
            **dict.fromkeys(UNJUDGED, lambda _: None),
            CarMessage: self._car_message,
            RecordWritten: self._record,
            Tick: self._tick,
            BrokerLine: self._broker_line,
            ConnectionChanged: self._connection,
            CarRemoved: self._removed,
            PersonActed: self._person,
            MonitorStarted: self._started,
            MonitorStopped: self._stopped,
        }

    @property
    def open_incidents(self) -> list[Incident]:
        """The incidents that go on."""
        return [] if self.alerting is None else self.alerting.incidents.open

    @property
    def closed_early(self) -> int:
        """How many unlocks had their last look early, as too many others were open."""
        return self.diagnosing.closed_early

    def resume(self, past: Past) -> None:
        """Resume where an earlier judge was ended; nothing that it judged is judged again.

        The diagnosis reads the window once more, so it knows cars and open unlocks as before. The
        alerting learns from the unlocks, and takes up the incidents as they were told.
        """
        self._clock.offset_s = past.offset_s
        self._clock.now_s, self._due_s = past.begins, math.inf
        alerting, self.alerting = self.alerting, None
        self.diagnosing.take_up(past.attempts_before_window())
        for message in past.retained:
            self.apply(msgspec.structs.replace(message, is_retained=True))
        for entry in past.window:
            self.apply(entry)
        self.diagnosing.continue_revisions(past.diagnoses)
        self._clock.now_s = max(self._clock.now_s, past.at)
        self.alerting = alerting
        if alerting is not None:
            alerting.restore(past.attempts, past.incidents, past.diagnoses)
        self._judgements.clear()
        self._due_s = math.inf
        self._plan()

    def apply(self, entry: Entry) -> Sequence[Judgement]:
        """Apply an entry, after all that was due before it; return what follows, in order.

        After any exception the next entry can be applied; `taken` has what followed until then.
        """
        at = entry.at
        if at >= self._due_s:
            self._do_due(at)
        self._clock.now_s = max(self._clock.now_s, at)
        self._appliers[type(entry)](entry)
        return self.taken() if self._judgements else ()

    def taken(self) -> Sequence[Judgement]:
        """Return the judgements that nobody has taken yet."""
        judgements = tuple(self._judgements)
        self._judgements.clear()
        return judgements

    # Time

    def _do_due(self, until: float) -> None:
        """Do all that is due until a moment, each at its own time."""
        clock = self._clock
        if self._due_s == -math.inf:
            clock.now_s, self._due_s = until, math.inf
            if self.alerting is not None:
                self.alerting.start_ticks()
            self._plan()
        while self._due_s <= until:
            clock.now_s = now_s = max(self._due_s, clock.now_s)
            self._due_s = now_s + LEAST_STEP_S  # should one of these raise, the others go on then
            look_s = self.diagnosing.next_s()
            if look_s is not None and look_s <= now_s:
                self.diagnosing.tick()
            if self.alerting is not None and self.alerting.due_s <= now_s:
                self.alerting.tick()
            self._due_s = math.inf
            self._plan()
            self._due_s = max(self._due_s, now_s + LEAST_STEP_S)

    def _plan(self) -> None:
        """Note when something is due next."""
        look_s = self.diagnosing.next_s()
        if look_s is not None and look_s < self._due_s:
            self._due_s = look_s
        if self.alerting is not None and self.alerting.due_s < self._due_s:
            self._due_s = self.alerting.due_s

    # Entries

    def _car_message(self, entry: CarMessage) -> None:
        retained = entry.is_retained
        self.diagnosing.on_message(entry.vehicle_id, entry.message, is_retained=retained)
        if self.alerting is not None:
            if entry.kind is TopicKind.TELEMETRY:
                self.alerting.heartbeat()
            elif retained:
                self.alerting.on_retained_message()

    def _car_lost(self, vehicle_id: str, now_s: float) -> None:
        if self.alerting is not None:
            self.alerting.car_lost(vehicle_id, now_s)

    def _car_connected_anew(self, vehicle_id: str, now_s: float) -> None:
        if self.alerting is not None:
            self.alerting.car_connected_anew(vehicle_id, now_s)

    def _record(self, entry: RecordWritten) -> None:
        if self.alerting is not None:
            self.alerting.record(entry.record)
        self.diagnosing.handle_record(entry.record)
        self._plan()

    def _broker_line(self, entry: BrokerLine) -> None:
        self.diagnosing.broker_said(entry.event)

    def _connection(self, entry: ConnectionChanged) -> None:
        if self.alerting is not None:
            self.alerting.connection(is_there=entry.is_there)

    def _removed(self, entry: CarRemoved) -> None:
        self.diagnosing.removed(entry.vehicle_id)

    def _person(self, entry: PersonActed) -> None:
        if self.alerting is not None:
            self.alerting.act(entry.action)

    def _tick(self, entry: Tick) -> None:
        self._clock.offset_s = entry.unix_s - entry.at

    def _started(self, entry: MonitorStarted) -> None:
        self._clock.offset_s = entry.unix_s - entry.at

    def _stopped(self, _: MonitorStopped) -> None:
        """Look for the last time at all that is open: nothing more comes of it."""
        self.diagnosing.flush()
        if self.alerting is not None:
            self.alerting.tick()
        self._plan()

    # Results of the parts

    def _diagnosed(self, diagnosis: Diagnosis) -> None:
        self._judgements.append(diagnosis)
        if self.alerting is not None:
            self.alerting.diagnosis(diagnosis)

    def _settled(self, diagnosis: Diagnosis) -> None:
        self._judgements.append(DiagnosisSettled(diagnosis))
