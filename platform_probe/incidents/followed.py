"""One incident that is not forgotten yet: its findings, its state, and its revisions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import msgspec

from fleet_wire.contract.incident import (
    Change,
    ChangeKind,
    Incident,
    IncidentState,
    Severity,
)
from platform_probe.detection.finding import Finding
from platform_probe.incidents.joining import common_cohort, most_telling
from platform_probe.incidents.severity import ORDER, severity_of, worse
from platform_probe.incidents.words import (
    Clock,
    cause_of,
    counted,
    mode_of,
    numbers_of,
    subject_of,
    title_of,
    what_is_wrong,
)
from platform_probe.outputs.messages.words import sureness

MOST_CHANGES: Final = 100
KEPT_FIRST: Final = 10
"""Changes at its beginning that are never left out."""
MOST_RELATED: Final = 100
MOST_FINDINGS: Final = 50
"""Findings of one incident; of more, those that are over go first, then the oldest."""
GREW_BY: Final = 1.5
GREW_LEAST: Final = 3
"""It grew when it hits half as many more, and three at least [E]."""
APART_S: Final = 30.0
"""Growth and another name are told so often at most."""
EXAMPLES: Final = 10

Tell = Callable[[Incident], None]


class Followed:
    """An incident, and what its next revision will say."""

    def __init__(self, incident: Incident, *, tell: Tell, clock: Clock) -> None:
        self.incident = incident
        self._tell = tell
        self._clock = clock
        self.findings: dict[int, Finding] = {}
        self.subject = ""
        """What its title says besides numbers."""
        self.quiet_since: float | None = None
        """Since when all of its findings are over, Unix seconds."""
        self.hold_s = 0.0
        """It must be quiet for so long to be resolved."""
        self.told_at = incident.at
        self._told = incident

    @property
    def active(self) -> list[Finding]:
        """Its findings that are not over."""
        return [one for one in self.findings.values() if not one.is_over]

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.incident.state is IncidentState.OPEN

    def put(self, finding: Finding) -> None:
        """Take a finding of it, or what became of one."""
        self.findings[finding.number] = finding
        if len(self.findings) > MOST_FINDINGS:
            over = (number for number, one in self.findings.items() if one.is_over)
            del self.findings[next(over, next(iter(self.findings)))]

    def renew(self, finding: Finding) -> None:
        """Tell what a finding has changed, where it is enough to be told."""
        at, before = finding.at, self.incident
        found = most_telling(self.findings.values())
        is_worse = worse(severity_of(finding), before.severity) is not before.severity
        is_named = before.mode is None and mode_of(found) is not None
        if not is_worse and not is_named and 0.0 <= at - self.told_at < APART_S:
            return
        fields = self.fields()
        subject = self._subject_now(fields)
        change: Change | None = None
        if worse(fields["severity"], before.severity) is not before.severity:
            worst = max(self.findings.values(), key=lambda one: ORDER.index(severity_of(one)))
            sentence = f"is {fields['severity'].value} now: {what_is_wrong(worst)}"
            change = self.change(ChangeKind.WORSE, at, f"{sentence}, {numbers_of(worst)}")
        elif self.subject not in ("", subject):
            sentence = f"it is now believed to be: {subject}; before: {self.subject}"
            change = self.change(ChangeKind.RETITLED, at, sentence)
        elif self._has_grown(fields):
            whom = counted(fields["customers"], "customer")
            if not fields["customers"]:
                whom = counted(fields["cars"], "car")
            change = self.change(ChangeKind.GREW, at, f"{whom} by now, {numbers_of(found)}")
        if change is None:
            return
        self.subject = subject
        self.revise(at, change, **fields)

    def end(self, at: float, change: Change, **fields: Any) -> None:
        """Make a revision of one that is over, or may be, with what its findings say by now."""
        if self.findings:
            fields = {**self.fields(), **fields}
            self.subject = self._subject_now(fields)
        self.revise(at, change, **fields)

    def fields(self) -> dict[str, Any]:
        """Return what its findings say of it."""
        before = self.incident
        findings = [*self.findings.values()]
        found = most_telling(findings)
        alike = [one for one in findings if one.what == found.what]
        mode = mode_of(found)
        severity = before.severity
        for one in findings:
            severity = worse(severity, severity_of(one))
        customers = frozenset[str]().union(*(one.customers for one in findings))
        cars = frozenset[str]().union(*(one.cars for one in findings))
        examples = dict.fromkeys(each for one in [found, *findings] for each in one.examples)
        return {
            "kind": found.kind,
            "severity": severity,
            "since": min(before.since, *(one.since for one in findings)),
            "cause": cause_of(found),
            "mode": None if mode is None else mode[0],
            "mode_probability": None if mode is None else round(mode[1], 3),
            "cohort": common_cohort([one for one in alike if not one.is_over] or [found]),
            "failed": sum(one.failed for one in alike),
            "total": sum(one.total for one in alike),
            "elsewhere_failed": sum(one.elsewhere_failed for one in alike),
            "elsewhere_total": sum(one.elsewhere_total for one in alike),
            "expected": round(found.expected, 5),
            "sure": max(before.sure, round(max(one.sure for one in findings), 6)),
            "ended_at": None if self.active else before.ended_at,
            "customers": max(len(customers), before.customers),
            "cars": max(len(cars), before.cars),
            "examples": tuple(examples)[:EXAMPLES],
        }

    def change(
        self,
        kind: ChangeKind,
        at: float,
        sentence: str,
        *,
        by: str | None = None,
        reason: str | None = None,
    ) -> Change:
        """Return an entry of its history."""
        return Change(at=at, kind=kind, sentence=sentence, by=by, reason=reason)

    def seen_last(self, quiet_since: float) -> float:
        """Return when it was seen last, of one that is known to be over since a moment."""
        last = max((one.last_at for one in self.findings.values()), default=quiet_since)
        seen_at = max(min(last, quiet_since), self.incident.since)
        return math.ceil(1_000 * seen_at) / 1_000

    def revise(self, at: float, change: Change, **fields: Any) -> None:
        """Make the next revision, and tell it; that it began earlier than was told is a change."""
        before = self.incident
        new = msgspec.structs.replace(before, **fields)
        began, begins = self._clock(before.since), self._clock(new.since)
        if before.revision and began != begins:
            sentence = f"{change.sentence}; it began at {begins}, not at {began}"
            change = msgspec.structs.replace(change, sentence=sentence)
        title = before.title
        if self.subject:
            title = title_of(
                self.subject,
                new.since,
                customers=new.customers,
                cars=new.cars,
                clock=self._clock,
            )
        changes = (*before.changes, change)
        if len(changes) > MOST_CHANGES:
            changes = (*changes[:KEPT_FIRST], *changes[KEPT_FIRST - MOST_CHANGES :])
        self.incident = msgspec.structs.replace(
            new, revision=before.revision + 1, at=round(at, 3), title=title, changes=changes
        )
        self.told_at = at
        self._told = self.incident
        self._tell(self.incident)

    def _subject_now(self, fields: dict[str, Any]) -> str:
        return subject_of(most_telling(self.findings.values()), fields["cohort"])

    def _has_grown(self, fields: dict[str, Any]) -> bool:
        told, now = self._told, msgspec.structs.replace(self.incident, **fields)
        if now.customers:
            return _is_more(now.customers, told.customers)
        return _is_more(max(now.cars, now.failed), max(told.cars, told.failed))


def _is_more(hit: int, told: int) -> bool:
    """Return whether so many are worth another word than was said of so many."""
    return hit >= told * GREW_BY and hit >= told + GREW_LEAST


def opening_of(finding: Finding, severity: Severity) -> str:
    """Return the first sentence of its history."""
    return (
        f"{severity.value}: {numbers_of(finding)};"
        f" {sureness(finding.sure)} sure that this is no chance"
    )
