"""Prometheus metrics of judgements: diagnoses, incidents, rentals and messages.

They belong to the judge's process. Nothing that is measured waits for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector

from fleet_wire.contract.attempt import Attempt, Complaint, Record
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import ChangeKind, Incident, IncidentKind, Severity
from fleet_wire.modes.catalogue import TITLES
from fleet_wire.series import Series, SeriesMaker
from platform_probe.outputs.dimension import SOURCES
from platform_probe.outputs.rental_metrics import RentalMetrics
from platform_probe.tell.messages.metrics import MessageMetrics

OUTLETS: Final = ("files", "store", "messages", "metrics", "log")


class JudgeMetrics(SeriesMaker):
    """All metrics of a judge, in an injected registry."""

    def __init__(self, registry: CollectorRegistry, *, backends: Iterable[str] = ()) -> None:
        super().__init__(registry)
        ProcessCollector(registry=registry, namespace="unlockpath_judge")
        diagnoses = self._counter(
            "unlock_diagnoses", "Unlocks that failed or looked odd, and complaints, by their"
            " likeliest failure mode when no more is to come: ten minutes after they began.",
            "source", "mode",
        )  # fmt: skip
        self._diagnoses = Series(diagnoses, product(SOURCES, TITLES))
        incidents = self._gauge(
            "incidents_open", "Incidents that go on, by what was found and how bad it is; those"
            " that a maintenance window covers too.", "kind", "severity",
        )  # fmt: skip
        self._incidents = {
            both: incidents.labels(both[0].value, both[1].value)
            for both in product(IncidentKind, Severity)
        }
        changes = self._counter(
            "incident_changes", "Revisions of incidents, by what happened to them.", "change"
        )
        self._incident_changes = {kind: changes.labels(kind.value) for kind in ChangeKind}
        self.set_aside = self._counter(
            "judge_set_aside", "Entries of the journal that could not be judged: a defect of the"
            " monitor. Each is kept in set_aside.jsonl with its traceback.",
        ).labels()  # fmt: skip
        self.closed_early = self._counter(
            "judge_closed_early", "Unlocks whose last look came sooner than after ten minutes,"
            " because too many others were looked at again.",
        ).labels()  # fmt: skip
        errors = self._counter(
            "judge_outlet_errors", "Judgements that an outlet could not take.", "outlet"
        )
        self.outlet_errors = {outlet: errors.labels(outlet) for outlet in OUTLETS}
        self.missed = self._counter(
            "judge_missed_segments", "Segments of the journal that were removed, or could not be"
            " read, before they were judged.",
        ).labels()  # fmt: skip
        self.bucket_waiting = self._gauge(
            "store_files_waiting", "Files of the store that should be in the bucket, and stay here"
            " until it takes them.",
        )  # fmt: skip
        self.rentals = RentalMetrics(registry)
        """Effects of unlocks on bookings."""
        self.messages = MessageMetrics(registry, backends)
        """What is counted of messages about incidents, for these backends."""

    def count_record(self, record: Record) -> None:
        """Count what a record does to rentals."""
        if isinstance(record, Complaint):
            self.rentals.count_call(record)
        elif isinstance(record, Attempt) and record.is_first:
            self.rentals.count(record)

    def count_diagnosis(self, diagnosis: Diagnosis) -> None:
        """Count an unlock by the first mode of the last revision of its diagnosis."""
        self._diagnoses[diagnosis.source, diagnosis.first.mode].inc()

    def note_incident(self, revision: Incident, going_on: Sequence[Incident]) -> None:
        """Count a revision, and show the incidents that go on."""
        self._incident_changes[revision.changes[-1].kind].inc()
        self.show_incidents(going_on)

    def show_incidents(self, going_on: Sequence[Incident]) -> None:
        """Show the incidents that go on."""
        shown = dict.fromkeys(self._incidents, 0)
        self.rentals.note_incidents(going_on)
        for one in going_on:
            shown[one.kind, one.severity] += 1
        for both, number in shown.items():
            self._incidents[both].set(number)
