"""State that a judge needs to resume where an earlier one was ended. No I/O."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from fleet_wire.contract.partial import PartialState
from fleet_wire.contract.topics import TopicKind
from platform_probe.journal.entries import CarMessage, CarRemoved, Entry

WINDOW_S: Final = 2700.0
"""Journal time that a judge reads again: facts look back half an hour, and diagnoses stay open for
ten minutes."""
_KEPT: Final = (TopicKind.PRESENCE, TopicKind.STATE)


class Past(NamedTuple):
    """Earlier measurements and judgements."""

    at: float
    """Journal time from which on the judge judges."""
    offset_s: float
    """The offset from journal time to the wall clock."""
    begins: float
    """Journal time at which the window begins."""
    retained: Sequence[CarMessage]
    """The last presence and state of each car before the window."""
    window: Iterable[Entry]
    """The last entries that the earlier judge applied, `WINDOW_S` of them or so; read once."""
    attempts: Sequence[Attempt]
    """Unlocks, each as its last revision has it, in the order of their writing."""
    diagnoses: Sequence[Diagnosis]
    """The reported diagnoses, in order."""
    incidents: Sequence[Incident]
    """Those that are open or ended not long ago, each as its last revision has it."""

    def attempts_before_window(self) -> list[Attempt]:
        """Return the unlocks that had ended before the window began."""
        until = self.begins + self.offset_s
        return [one for one in self.attempts if one.started_at + one.total_s < until]


class LastOfCars:
    """The last presence and state of each car. Partial states count by the fields that they have.

    A broker retains the same: one message a topic.
    """

    def __init__(self, messages: Iterable[CarMessage] = ()) -> None:
        self._last: dict[str, dict[Hashable, CarMessage]] = {}
        for each in messages:
            self.add(each)

    def add(self, entry: Entry) -> None:
        """Handle an entry; only a presence, a state or a removal changes anything."""
        if type(entry) is CarMessage:
            if entry.kind in _KEPT:
                self._last.setdefault(entry.vehicle_id, {})[_key_of(entry)] = entry
        elif type(entry) is CarRemoved:
            self._last.pop(entry.vehicle_id, None)

    def messages(self) -> list[CarMessage]:
        """Return them, car by car in the order in which the cars were first heard."""
        return [each for of_car in self._last.values() for each in of_car.values()]


def _key_of(entry: CarMessage) -> Hashable:
    message = entry.message
    if not isinstance(message, PartialState):
        return entry.kind
    said = msgspec.structs.asdict(message)
    return entry.kind, tuple(name for name, value in said.items() if value is not None)
