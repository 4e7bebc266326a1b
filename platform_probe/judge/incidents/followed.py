"""One incident in memory: its findings, its state, and its revisions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import msgspec

from fleet_wire.contract.incident import (
    Change,
    ChangeKind,
    Incident,
    IncidentKind,
    IncidentState,
)
from fleet_wire.contract.text import Text
from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.incidents.finding_parts import (
    affected_traits,
    believed,
    cohorts_of,
    common_cohort,
    counted_findings,
    with_all_numbers,
)
from platform_probe.judge.incidents.grouping import is_within_cohort
from platform_probe.judge.incidents.incident_title import (
    affected_text,
    cause_of,
    mode_of,
    numbers_of,
    rise_of,
    subject_of,
    title_of,
    titled,
)
from platform_probe.judge.incidents.life import LIFE, STATE, Event, Phase, phase_of
from platform_probe.judge.incidents.severity import ORDER, severity_of, worse
from platform_probe.texts.speaking import Speaker

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
"""The least time between reports of growth or of another title."""
EXAMPLES: Final = 10

Tell = Callable[[Incident], None]


class Followed:
    """An incident, and the changes for its next revision."""

    def __init__(self, incident: Incident, *, tell: Tell, english: Speaker) -> None:
        self.incident = self._first = incident
        self._tell = tell
        self._english = english
        self.findings: dict[int, Finding] = {}
        self.restored: list[Finding] = []
        """Findings that stand for what an earlier process knew of it: new ones are linked to them.
        """
        self._parts: list[Finding] | None = None
        """The cached result of `counted_findings`."""
        self.subject: Text | None = None
        """The words of its title besides numbers."""
        self.quiet_since: float | None = None
        """Since when all of its findings are over, Unix seconds."""
        self.hold_s = 0.0
        """It must be quiet for so long to be resolved."""
        self.told_at = incident.at
        self.heard_of_at = math.inf if incident.maintenance is not None else incident.opened_at
        """When it was told outside of a maintenance window for the first time: by then somebody
        may have a message of it."""

    @property
    def active(self) -> list[Finding]:
        """Its findings that are not over."""
        return [one for one in self.findings.values() if not one.is_over]

    @property
    def counted_findings(self) -> list[Finding]:
        """The findings that it counts; the one in its title comes first."""
        if self._parts is None:
            self._parts = (
                counted_findings(believed(self.findings.values())) if self.findings else []
            )
        return self._parts

    @property
    def namesakes(self) -> list[Finding]:
        """Its findings; the one in its title comes first."""
        return [*self.counted_findings, *self.findings.values(), *self.restored]

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.incident.state is IncidentState.OPEN

    def add_finding(self, finding: Finding) -> None:
        """Add a finding, or replace it by its new version."""
        self._parts = None
        self.findings[finding.number] = finding
        if len(self.findings) > MOST_FINDINGS:
            over = (number for number, one in self.findings.items() if one.is_over)
            del self.findings[next(over, next(iter(self.findings)))]

    def drop(self, finding: Finding) -> None:
        """Remove a finding, if it is still kept."""
        self._parts = None
        self.findings.pop(finding.number, None)

    def renew(self, finding: Finding) -> None:
        """Report changes of its findings that are large enough."""
        at, before = finding.at, self.incident
        is_worse = worse(severity_of(finding), before.severity) is not before.severity
        is_named = before.mode is None and mode_of(self.counted_findings[0]) is not None
        if not is_worse and not is_named and 0.0 <= at - self.told_at < APART_S:
            return
        fields, subject = self.fields(), self._subject_now()
        change: Change | None = None
        if worse(fields["severity"], before.severity) is not before.severity:
            findings = believed(self.findings.values())
            worst = max(findings, key=lambda one: ORDER.index(severity_of(one)))
            text = rise_of(fields["severity"], subject, worst, named=self.counted_findings[0])
            change = self.change(ChangeKind.WORSE, at, text)
        elif self.subject is not None and self._is_renamed(subject):
            change = self._retitled(at, self.subject, subject)
        elif self._has_grown(fields):
            numbers = numbers_of(with_all_numbers(self.counted_findings))
            whom = affected_text(fields["customers"], fields["cars"])
            if whom is not None:
                numbers = Text(key="event.grew", values={"whom": whom, "numbers": numbers})
            change = self.change(ChangeKind.GREW, at, numbers)
        if change is not None:
            self.revise_by_findings(at, change, **fields)

    def pass_on(self, event: Event, at: float, text: Text, **fields: Any) -> None:
        """Move to the phase that an event leads to, if any, and report the change."""
        step = LIFE.get((self.phase, event))
        if step is not None:
            self.revise_by_findings(
                at, self.change(step.told_as, at, text), state=STATE[step.phase], **fields
            )

    @property
    def phase(self) -> Phase:
        """The phase of its life."""
        return phase_of(self.incident)

    def tell_title(self, at: float) -> None:
        """Report its title, if it differs from the last one."""
        if self.findings and self.subject is not None:
            subject = self._subject_now()
            if self._is_renamed(subject):
                self.revise_by_findings(at, self._retitled(at, self.subject, subject))

    def revise_by_findings(self, at: float, change: Change, **fields: Any) -> None:
        """Make a revision from its current findings; `fields` overrule them."""
        if self.findings:
            fields = {**self.fields(), **fields}
            self.subject = self._subject_now()
        self.revise(at, change, **fields)

    def fields(self) -> dict[str, Any]:
        """Return the fields of a revision that its findings determine.

        Customers and cars of an earlier process are known only as numbers: those are lower bounds
        while it hits the same cohorts.
        """
        before = self.incident
        findings = [*self.findings.values()]
        parts = self.counted_findings
        found, cohorts = with_all_numbers(parts), cohorts_of(parts)
        mode = mode_of(found)
        severity = before.severity
        for one in findings:
            severity = worse(severity, severity_of(one))
        counted_too = [
            one for one in findings if any(is_within_cohort(one, each) for each in cohorts)
        ]
        customers = len(frozenset[str]().union(*(one.customers for one in counted_too)))
        cars = len(frozenset[str]().union(*(one.cars for one in counted_too)))
        if [*self._first.affected_cohorts] == cohorts:
            customers, cars = max(customers, self._first.customers), max(cars, self._first.cars)
        examples = dict.fromkeys(each for one in [*parts, *findings] for each in one.examples)
        return {
            "kind": found.kind,
            "severity": severity,
            "since": min(before.since, *(one.since for one in findings)),
            "cause": cause_of(found),
            "mode": None if mode is None else mode[0],
            "mode_probability": None if mode is None else round(mode[1], 3),
            "cohort": common_cohort(cohorts),
            "cohorts": tuple(cohorts) if len(cohorts) > 1 else (),
            "failed": found.failed,
            "total": found.total,
            "elsewhere_failed": found.elsewhere_failed,
            "elsewhere_total": found.elsewhere_total,
            "expected": round(found.expected, 5),
            "sure": max(before.sure, round(max(one.sure for one in findings), 6)),
            "ended_at": None if self.active else before.ended_at,
            "customers": customers,
            "cars": cars,
            "examples": tuple(examples)[:EXAMPLES],
        }

    @property
    def cohorts(self) -> list[dict[str, str]]:
        """The cohorts that it hits, as its findings have them now."""
        return cohorts_of(self.counted_findings) or [*self.incident.affected_cohorts]

    @property
    def affected_traits(self) -> list[dict[str, str]]:
        """The cohorts with all traits that their cars share, even if other cars have them too."""
        return [affected_traits(one) for one in self.counted_findings] or [
            *self.incident.affected_cohorts
        ]

    def change(
        self,
        kind: ChangeKind,
        at: float,
        text: Text,
        *,
        by: str | None = None,
        reason: str | None = None,
    ) -> Change:
        """Return an entry of its history."""
        sentence = self._english.on(at).say(text)
        return Change(at=at, kind=kind, sentence=sentence, by=by, reason=reason, text=text)

    def over_at(self, at: float) -> float:
        """Return since when it is over. A closed incident whose findings go on is not over yet."""
        incident = self.incident
        if incident.state is not IncidentState.CLOSED:
            return incident.ended_at or at
        if self.active:
            return at
        return max(incident.ended_at or at, self.quiet_since or 0.0)

    def seen_last(self, quiet_since: float) -> float:
        """Return when it was last seen, if it has been quiet since `quiet_since`."""
        last = max((one.last_at for one in self.findings.values()), default=quiet_since)
        seen_at = max(min(last, quiet_since), self.incident.since)
        return math.ceil(1_000 * seen_at) / 1_000

    def revise(self, at: float, change: Change, **fields: Any) -> None:
        """Make and report the next revision; an earlier begin is a change of its own."""
        before = self.incident
        new = msgspec.structs.replace(before, **fields)
        if before.revision:
            change = self._with_begin(change, began=before.since, begins=new.since)
        title = before.title
        if self.subject is not None:
            whole = titled(self.subject, new.since, customers=new.customers, cars=new.cars)
            title = title_of(whole, self._english.on(at))
        changes = (*before.changes, change)
        if len(changes) > MOST_CHANGES:
            changes = (*changes[:KEPT_FIRST], *changes[KEPT_FIRST - MOST_CHANGES :])
        self.incident = msgspec.structs.replace(
            new,
            revision=before.revision + 1,
            at=round(at, 3),
            title=title,
            subject=self.subject,
            changes=changes,
        )
        self.told_at = at
        if self.incident.maintenance is None:
            self.heard_of_at = min(self.heard_of_at, at)
        self._tell(self.incident)

    def _with_begin(self, change: Change, *, began: float, begins: float) -> Change:
        """Return a change with the time of its begin, if another minute was reported."""
        clock = self._english.on(change.at).clock
        if change.text is None or clock(began) == clock(begins):
            return change
        values: dict[str, Any] = {"event": change.text, "begins": begins, "began": began}
        text = Text(key="event.began", values=values)
        return self.change(change.kind, change.at, text, by=change.by, reason=change.reason)

    def _retitled(self, at: float, before: Text, subject: Text) -> Change:
        text = Text(key="event.retitled", values={"subject": subject, "before": before})
        return self.change(ChangeKind.RETITLED, at, text)

    def _is_renamed(self, subject: Text) -> bool:
        """Return whether a subject differs in words from the last reported one."""
        before = self.subject
        return before is not None and self._english.say(before) != self._english.say(subject)

    def _subject_now(self) -> Text:
        return subject_of(self.counted_findings)

    def _has_grown(self, fields: dict[str, Any]) -> bool:
        told, now = self.incident, msgspec.structs.replace(self.incident, **fields)
        if now.customers and _is_more(now.customers, told.customers):
            return True
        if now.customers:  # one account may have many cars; of lost cars few are asked for
            is_of_unlocks = now.kind is told.kind is IncidentKind.FAILURES
            return is_of_unlocks and _is_more(now.failed, told.failed)
        return _is_more(max(now.cars, now.failed), max(told.cars, told.failed))


def _is_more(hit: int, told: int) -> bool:
    """Return whether a count has grown enough to be reported again."""
    return hit >= told * GREW_BY and hit >= told + GREW_LEAST
