"""State that a judge needs to resume where an earlier one was ended. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from fleet_wire.contract.partial import PartialState
from fleet_wire.contract.topics import TopicKind
from platform_probe.journal.entries import CarMessage, CarRemoved, Entry

WINDOW_S: Final = 2700.0
"""Journal time that a judge reads again: facts look back half an hour, and diagnoses stay open for
ten minutes."""
MAX_CARS: Final = 2_000_000
"""The most cars that are kept; above it, the one first heard of is forgotten."""
_FIELDS: Final = PartialState.__struct_fields__
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
    """The last presence and state of each car; of partial states the last with each field."""

    def __init__(self, *, most: int = MAX_CARS) -> None:
        self._most = most
        self._last: OrderedDict[str, dict[str, CarMessage]] = OrderedDict()

    def add(self, entry: Entry) -> None:
        """Handle an entry; only a presence, a state or a removal changes anything."""
        if type(entry) is CarMessage:
            if entry.kind in _KEPT:
                said = self._last.setdefault(entry.vehicle_id, {})
                for name in _replaced_by(entry):
                    said.pop(name, None)  # so that the latest stands last
                    said[name] = entry
                if len(self._last) > self._most:
                    self._last.popitem(last=False)
        elif type(entry) is CarRemoved:
            self._last.pop(entry.vehicle_id, None)

    def messages(self) -> list[CarMessage]:
        """Return them, car by car in the order in which the cars were first heard.

        The messages of a car stand in the order in which they came.
        """
        return [
            each
            for said in self._last.values()
            for each in {id(each): each for each in said.values()}.values()
        ]


def _replaced_by(entry: CarMessage) -> Sequence[str]:
    """Return what a message replaces: all of its kind, or the fields that a partial state has."""
    message = entry.message
    if type(message) is PartialState:  # `isinstance` takes long for a struct
        return [name for name in _FIELDS if getattr(message, name) is not None]
    return (entry.kind,)
