"""A judge that runs: entries go in one by one, judgements go to files, store, metrics and messages.

An entry that makes the judge raise is set aside with its traceback. It is counted and logged, and
the next entry is judged.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from platform_probe.journal.entries import Entry
from platform_probe.judge.judge import DiagnosisSettled, Judge, Judgement


def _nothing(*_: object) -> None:
    """Ignore it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """What takes judgements, each kind for itself; any exception stops no other outlet."""

    diagnosis: Callable[[Diagnosis], None] = _nothing
    """Takes each revision of a diagnosis."""
    settled: Callable[[Diagnosis], None] = _nothing
    """Takes the last revision of a diagnosis, once nothing changes it any more."""
    incident: Callable[[Incident, Sequence[Incident]], None] = _nothing
    """Takes each revision of an incident, and the incidents that go on after it."""

    def emit(self, judgement: Judgement, open_incidents: Sequence[Incident]) -> None:
        """Handle a judgement."""
        if isinstance(judgement, Diagnosis):
            self.diagnosis(judgement)
        elif isinstance(judgement, DiagnosisSettled):
            self.settled(judgement.diagnosis)
        elif isinstance(judgement, Incident):
            self.incident(judgement, open_incidents)


class RunningJudge:
    """A judge and the outlets of its judgements.

    `on_set_aside` gets each entry that made the judge raise, with the traceback. `on_outlet_error`
    gets the name of an outlet and its error.
    """

    def __init__(
        self,
        judge: Judge,
        outlets: Mapping[str, Outlet],
        *,
        on_set_aside: Callable[[Entry, str], None],
        on_outlet_error: Callable[[str, Exception], None],
    ) -> None:
        self.judge = judge
        self._outlets = outlets
        self._on_set_aside = on_set_aside
        self._on_outlet_error = on_outlet_error

    def append(self, entry: Entry) -> None:
        """Apply an entry, and hand on the results. Never raises."""
        for judgement in judged(self.judge, entry, self._on_set_aside):
            self._hand_on(judgement)

    def _hand_on(self, judgement: Judgement) -> None:
        open_incidents = self.judge.open_incidents
        for name, outlet in self._outlets.items():
            try:
                outlet.emit(judgement, open_incidents)
            except Exception as error:  # noqa: BLE001 - one outlet must not starve the others
                self._on_outlet_error(name, error)


def judged(
    judge: Judge, entry: Entry, on_set_aside: Callable[[Entry, str], None]
) -> Sequence[Judgement]:
    """Return what follows from an entry; `on_set_aside` gets one that made the judge raise."""
    try:
        return judge.apply(entry)
    except Exception:  # noqa: BLE001 - a defect in judging must cost one entry, and no more
        on_set_aside(entry, traceback.format_exc())
        return judge.taken()
