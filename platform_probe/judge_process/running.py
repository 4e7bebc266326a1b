"""A judge that runs: entries go in one by one, judgements go to files, store, metrics and messages.

An entry that makes the judge raise is set aside with its traceback. It is counted and logged, and
the next entry is judged.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident, IncidentAction
from platform_probe.journal.entries import Entry
from platform_probe.judge.judge import DiagnosisSettled, Judge, Judgement
from platform_probe.judge.resuming import Past
from platform_probe.judge_process.metrics import JudgeMetrics
from platform_probe.outputs.logs import Logger, RevisionLog
from platform_probe.store.writer import StoreWriter
from platform_probe.tell.messages.service import Messages


class Outlet(Protocol):
    """Takes a judgement, and the incidents that go on after it."""

    def __call__(self, judgement: Judgement, open_incidents: Sequence[Incident], /) -> None:
        """Take them. Any exception is counted, and stops no other outlet."""
        ...


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
        self._judge = judge
        self._outlets = outlets
        self._on_set_aside = on_set_aside
        self._on_outlet_error = on_outlet_error
        self.set_aside = 0
        """Entries that made the judge raise."""

    @property
    def open_incidents(self) -> Sequence[Incident]:
        """The incidents that go on."""
        return self._judge.open_incidents

    def resume(self, past: Past) -> None:
        """Resume where an earlier process was ended."""
        self._judge.resume(past)

    def append(self, entry: Entry) -> None:
        """Apply an entry, and hand on the results. Never raises."""
        judgements: Sequence[Judgement]
        try:
            judgements = self._judge.apply(entry)
        except Exception:  # noqa: BLE001 - a defect in judging must cost one entry, and no more
            self.set_aside += 1
            self._on_set_aside(entry, traceback.format_exc())
            judgements = self._judge.taken()
        for judgement in judgements:
            self._hand_on(judgement)

    def can_act(self, action: IncidentAction) -> bool:
        """Return whether there is an open incident to which this can be done."""
        return any(one.incident_id == action.incident_id for one in self._judge.open_incidents)

    def _hand_on(self, judgement: Judgement) -> None:
        open_incidents = self._judge.open_incidents
        for name, outlet in self._outlets.items():
            try:
                outlet(judgement, open_incidents)
            except Exception as error:  # noqa: BLE001 - one outlet must not starve the others
                self._on_outlet_error(name, error)


def file_outlet(
    add_diagnosis: Callable[[bytes], None], add_incident: Callable[[bytes], None]
) -> Outlet:
    """Return what hands each diagnosis and each incident to its file, as a line."""
    encode = msgspec.json.Encoder().encode

    def judged(judgement: Judgement, _: Sequence[Incident]) -> None:
        if isinstance(judgement, Diagnosis):
            add_diagnosis(encode(judgement) + b"\n")
        elif isinstance(judgement, Incident):
            add_incident(encode(judgement) + b"\n")

    return judged


def store_outlet(store: StoreWriter) -> Outlet:
    """Return what keeps diagnoses and incidents in a store."""

    def judged(judgement: Judgement, _: Sequence[Incident]) -> None:
        if isinstance(judgement, Diagnosis):
            store.diagnosis(judgement)
        elif isinstance(judgement, Incident):
            store.incident(judgement)

    return judged


def metrics_outlet(metrics: JudgeMetrics) -> Outlet:
    """Return what counts judgements, and shows which incidents go on."""

    def judged(judgement: Judgement, open_incidents: Sequence[Incident]) -> None:
        if isinstance(judgement, DiagnosisSettled):
            metrics.count_diagnosis(judgement.diagnosis)
        elif isinstance(judgement, Incident):
            metrics.note_incident(judgement, open_incidents)

    return judged


def log_outlet(logger: Logger) -> Outlet:
    """Return what logs that another mode is believed than at first."""
    revisions = RevisionLog(logger)

    def judged(judgement: Judgement, _: Sequence[Incident]) -> None:
        if isinstance(judgement, DiagnosisSettled):
            revisions.settled(judgement.diagnosis)
        elif isinstance(judgement, Diagnosis):
            revisions.log_diagnosis(judgement)

    return judged


def messages_outlet(messages: Messages) -> Outlet:
    """Return what tells people of incidents."""

    def judged(judgement: Judgement, _: Sequence[Incident]) -> None:
        if isinstance(judgement, Incident):
            messages.send_incident(judgement)

    return judged
