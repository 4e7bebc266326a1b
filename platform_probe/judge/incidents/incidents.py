"""Makes incidents of findings: opened, joined, grown, resolved, and what people say of them.

A problem shows in many findings, flickers, and comes back: it is one incident all the while. It is
resolved when nothing of it was found for a while, which is the longer the more often it came back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final

from fleet_wire.clock import Clock
from fleet_wire.contract.incident import (
    ActionKind,
    Change,
    ChangeKind,
    Incident,
    IncidentAction,
    IncidentState,
)
from fleet_wire.contract.text import Text
from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.incidents.finding_parts import affected_traits
from platform_probe.judge.incidents.followed import MOST_RELATED, Followed, Tell
from platform_probe.judge.incidents.incident_title import (
    opening_of,
    problem_with_numbers,
    subject_of_title,
    title_text,
    whom_in_words,
)
from platform_probe.judge.incidents.life import LIFE, Event, Phase
from platform_probe.judge.incidents.links import Links
from platform_probe.judge.incidents.maintenance import MaintenanceWindow, is_past, window_of
from platform_probe.judge.incidents.restored import restored_findings
from platform_probe.judge.incidents.severity import severity_of
from platform_probe.texts.speaking import ENGLISH, Speaker

QUIET_S: Final = 900.0
"""Resolved after so long without a sign of it [E]: what flaps every ten minutes is one incident."""
MOST_QUIET_S: Final = 3600.0
"""However often it came back."""
REMEMBERED_S: Final = 3600.0
"""The time after its end within which a returning incident is the same one."""
CLOSED_S: Final = 86_400.0
"""The time for which a person's close holds while the incident goes on: then it is usual."""
UNSEEN_S: Final = 120.0
"""The time without failures after which an incident may be over [E].

It is resolved much later, and before that customers may try again.
"""
MOST_OPEN: Final = 100
"""The most open incidents: above it, a new finding goes to the latest of its kind."""
STEP_S: Final = 5.0


class Incidents:
    """All incidents that are open, or were so lately. `tell` gets each revision."""

    def __init__(
        self,
        *,
        clock: Clock,
        tell: Tell,
        english: Speaker = ENGLISH,
        name: str,
        windows: Sequence[MaintenanceWindow] = (),
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._english = english
        self._name = name
        """The monitor's: ids differ between monitors."""
        self._windows = tuple(windows)
        self._followed: dict[str, Followed] = {}
        self._by_finding: dict[int, Followed] = {}
        self._links = Links(self._windows)
        self._unlinked: set[int] = set()
        """Findings that stay where they were put, since too many incidents were open."""
        self._opened = 0
        self._checked_at = 0.0

    # Findings

    def handle_finding(self, finding: Finding) -> None:
        """Handle a finding, or its new version."""
        before = self._by_finding.get(finding.number)
        if before is None and finding.is_over:
            return
        is_linked_anew = finding.number not in self._unlinked and self._link(finding)
        if before is not None:
            before.add_finding(finding)
        if before is None or is_linked_anew:
            self._group(finding)
        followed = self._by_finding[finding.number]
        if followed.is_open:
            self._report_return(followed, finding)
            followed.renew(finding)
        self._note_quiet(followed, finding.at)

    def act(self, action: IncidentAction) -> bool:
        """Do what a person asks for; return whether there was such an incident to do it to."""
        followed = self._followed.get(action.incident_id)
        if followed is None or not followed.is_open:
            return False
        by, reason, at = action.by, action.reason, action.at

        def change(kind: ChangeKind, **values: float) -> Change:
            text = Text(key=f"event.{kind}", values={"by": by, **values})
            if reason:
                text = Text(key="event.because", values={"event": text, "reason": reason})
            return followed.change(kind, at, text, by=by, reason=reason)

        if action.kind is ActionKind.ACKNOWLEDGE:
            said = change(ChangeKind.ACKNOWLEDGED)
            followed.revise(at, said, acknowledged_by=by)
        elif action.kind is ActionKind.MUTE:
            until = action.until or at + REMEMBERED_S
            said = change(ChangeKind.MUTED, until=until)
            followed.revise(at, said, muted_until=until)
        elif action.kind is ActionKind.UNMUTE:
            said = change(ChangeKind.UNMUTED)
            followed.revise(at, said, muted_until=None)
        else:
            said = change(LIFE[followed.phase, Event.CLOSE].told_as)
            followed.revise(at, said, state=IncidentState.CLOSED, ended_at=at)
        return True

    def restore(self, incidents: Iterable[Incident]) -> None:
        """Restore the incidents of an earlier process: the latest revision of each.

        Those that have ended may come back, and what a person closed stays closed while it goes on.
        """
        for incident in incidents:
            is_merged = incident.changes and incident.changes[-1].kind is ChangeKind.JOINED
            if incident.state is IncidentState.OPEN or not is_merged:
                followed = self._new(incident)
                followed.subject = incident.subject or subject_of_title(incident.title)
                followed.restored = restored_findings(incident, len(self._by_finding))
                self._by_finding.update((one.number, followed) for one in followed.restored)

    def take_up(self, finding: Finding) -> None:
        """Restore a finding of an earlier process, as it was then: that process has reported it."""
        followed = self._by_finding.get(finding.number) or self._restored_home_of(finding)
        if followed is None:
            return
        self._link(finding)
        self._belong(followed, finding)
        followed.add_finding(finding)
        self._note_quiet(followed, finding.at)

    def start_quiet_time(self) -> None:
        """Count restored incidents that no finding continues as quiet from now on.

        Those that a person closed long ago are forgotten then: they are over.
        """
        at = self._clock.unix_s()
        for followed in [*self._followed.values()]:
            if followed.findings:
                continue
            followed.quiet_since = at
            if not followed.is_open and at - (followed.incident.ended_at or at) > REMEMBERED_S:
                self._forget(followed)

    # Time

    def tick(self) -> None:
        """Resolve what is quiet, forget what is long over, and follow the windows."""
        at = self._clock.unix_s()
        if 0.0 <= at - self._checked_at < STEP_S:
            return
        self._checked_at = self._links.at = at
        for followed in [*self._followed.values()]:
            if followed.is_open:
                self._end_mute(followed, at)
                self._follow_window(followed, at)
                self._tell_unseen(followed, at)
                self._resolve(followed, at)
            elif at - followed.over_at(at) > REMEMBERED_S + followed.hold_s:
                self._forget(followed)
        if self._windows:
            for finding in self._findings:
                if self._link(finding):
                    self._group(replace(finding, at=at))

    @property
    def open(self) -> list[Incident]:
        """Those that go on."""
        return [followed.incident for followed in self._followed.values() if followed.is_open]

    # Within

    @property
    def _findings(self) -> list[Finding]:
        """All findings that may be linked, also those of earlier processes."""
        known = self._followed.values()
        each = [
            one for followed in known for one in (*followed.restored, *followed.findings.values())
        ]
        return [one for one in each if one.number not in self._unlinked]

    def _link(self, finding: Finding) -> bool:
        """Link a finding with the others; return whether its group may be another one now."""
        followed = self._by_finding.get(finding.number)
        before = None if followed is None else followed.findings.get(finding.number)
        return self._links.renew(finding, self._findings, before)

    def _group(self, finding: Finding) -> None:
        """Make one incident of each group of findings: `finding` is new, or linked anew."""
        known = {one.number: one for one in self._findings} | {finding.number: finding}
        groups = self._links.groups(known.values())
        place_of = {one.number: place for place, group in enumerate(groups) for one in group}
        homes: list[list[Followed]] = [[] for _ in groups]
        for followed in self._followed.values():
            places = (place_of.get(one.number) for one in followed.namesakes)
            place = next((each for each in places if each is not None), None)
            if place is not None:
                homes[place].append(followed)
        for group, of_group in zip(groups, homes, strict=True):
            self._settle(group, of_group, finding.at)

    def _settle(self, group: list[Finding], homes: list[Followed], at: float) -> None:
        """Make one incident of a group.

        `homes` are the incidents that it holds the namesakes of. The one of which somebody knows
        goes on, and the others join it. Findings of incidents that have ended stay there.
        """
        going_on = [each for each in homes if each.is_open]
        home = min(going_on, key=lambda each: each.heard_of_at, default=None)
        if home is None and homes:
            home = max(homes, key=lambda each: each.incident.at)
        for one in sorted(group, key=lambda each: each.is_over):
            owner = self._by_finding.get(one.number)
            if owner is None:
                home = self._put_in(home, one)
            elif owner is home or owner in going_on or not owner.is_open or one in owner.restored:
                continue
            elif home is not None:
                self._move(one, owner, home, at)
            elif not one.is_over:
                home = self._split_off(one, owner, at)
        for other in going_on:
            if home is not None and other is not home:
                self._merge(home, other, at)

    def _put_in(self, home: Followed | None, finding: Finding) -> Followed:
        """Add a new finding to an incident, or open one."""
        if home is None:
            open_ones = [each for each in reversed(self._followed.values()) if each.is_open]
            if len(open_ones) < MOST_OPEN:
                return self._open(finding)
            alike = (each for each in open_ones if each.incident.kind is finding.kind)
            home = next(alike, open_ones[0])
            self._unlinked.add(finding.number)
        self._belong(home, finding)
        home.add_finding(finding)
        if home.phase is Phase.RESOLVED:
            back = Text(key="event.back", values={"what": problem_with_numbers(finding)})
            home.pass_on(Event.SEEN, finding.at, back)
        return home

    def _split_off(self, finding: Finding, followed: Followed, at: float) -> Followed:
        """Open an incident for a finding of another one."""
        followed.drop(finding)
        finding = replace(finding, at=at)
        home = self._open(finding, split_from=followed)
        self._tell_split(finding, followed, at)
        return home

    def _move(self, finding: Finding, followed: Followed, home: Followed, at: float) -> None:
        followed.drop(finding)
        self._by_finding[finding.number] = home
        finding = replace(finding, at=at)
        home.add_finding(finding)
        self._note_quiet(home, at)
        self._report_return(home, finding)
        self._tell_split(finding, followed, at)
        home.renew(finding)

    def _restored_home_of(self, finding: Finding) -> Followed | None:
        """Return the incident of an earlier process that a finding was of; None: it has ended."""
        for followed in reversed(self._followed.values()):
            one = followed.incident
            if one.state is IncidentState.RESOLVED or one.opened_at > finding.at:
                continue
            known = (*followed.restored, *followed.findings.values())
            if self._links.are_linked(finding, known):
                return followed
        return None

    def _window_of(self, followed: Followed, at: float) -> str | None:
        return window_of(self._windows, followed.affected_traits, at) if self._windows else None

    def _open(self, finding: Finding, *, split_from: Followed | None = None) -> Followed:
        self._opened += 1
        at = finding.at
        named = f"{self._name}/{at}/{self._opened}".encode()
        severity = severity_of(finding)
        incident = Incident(
            incident_id=f"inc-{blake2b(named, digest_size=6).hexdigest()}",
            revision=0,
            at=at,
            kind=finding.kind,
            severity=severity,
            state=IncidentState.OPEN,
            title="",
            since=finding.since,
            opened_at=at,
            maintenance=window_of(self._windows, [affected_traits(finding)], at),
            related=() if split_from is None else (split_from.incident.incident_id,),
        )
        followed = self._new(incident)
        followed.add_finding(finding)
        self._by_finding[finding.number] = followed
        opened = opening_of(finding, severity, incident.maintenance)
        kind = ChangeKind.OPENED if split_from is None else ChangeKind.SPLIT
        followed.revise_by_findings(at, followed.change(kind, at, opened))
        return followed

    def _new(self, incident: Incident) -> Followed:
        followed = Followed(incident, tell=self._tell, english=self._english)
        followed.hold_s = QUIET_S
        self._followed[incident.incident_id] = followed
        return followed

    def _belong(self, followed: Followed, finding: Finding) -> None:
        """Note whose a finding is; what had gone, and came back, must be quiet for longer.

        The first finding of a restored incident shows that it goes on.
        """
        is_new = finding.number not in self._by_finding
        self._by_finding[finding.number] = followed
        if is_new and followed.quiet_since is not None:
            if followed.findings:
                followed.hold_s = min(followed.hold_s * 2, MOST_QUIET_S)
            followed.quiet_since = None

    def _note_quiet(self, followed: Followed, at: float) -> None:
        if followed.active:
            followed.quiet_since = None
        elif followed.quiet_since is None:
            followed.quiet_since = at

    def _tell_unseen(self, followed: Followed, at: float) -> None:
        """Report that an incident was quiet for a while: it may be over."""
        quiet_since = followed.quiet_since
        if quiet_since is None:
            return
        seen_at = followed.seen_last(quiet_since)
        if at - seen_at >= UNSEEN_S:
            values = {"seen": seen_at, "until": quiet_since + followed.hold_s}
            unseen = Text(key="event.unseen", values={**values})
            followed.pass_on(Event.UNSEEN, at, unseen, ended_at=seen_at)

    def _report_return(self, followed: Followed, finding: Finding) -> None:
        """Report that a quiet incident is seen again."""
        if followed.active and followed.phase is Phase.QUIET:
            again = Text(key="event.seen_again", values={"what": problem_with_numbers(finding)})
            followed.pass_on(Event.SEEN, finding.at, again)

    def _resolve(self, followed: Followed, at: float) -> None:
        quiet_since = followed.quiet_since
        if quiet_since is None or at - quiet_since < followed.hold_s:
            return
        ended_at = followed.seen_last(quiet_since)
        lasted = ended_at - followed.incident.since
        over = Text(key="event.resolved", values={"ended": ended_at, "lasted": lasted})
        followed.pass_on(Event.HELD, at, over, ended_at=ended_at)

    def _end_mute(self, followed: Followed, at: float) -> None:
        """Report the end of the time for which a person muted an incident."""
        until = followed.incident.muted_until
        if until is not None and at >= until:
            followed.tell_title(at)  # else the message has it, and no entry of the thread
            said = followed.change(ChangeKind.UNMUTED, at, Text(key="event.mute_over"))
            followed.revise_by_findings(at, said, muted_until=None)

    def _follow_window(self, followed: Followed, at: float) -> None:
        """Report that a window starts or stops covering an incident."""
        before, name = followed.incident.maintenance, self._window_of(followed, at)
        if name == before:
            return
        kind = ChangeKind.UNMUTED if name is None else ChangeKind.MUTED
        key, values = "event.window", dict[str, Any](window=name or before or "")
        if name is None and is_past(self._windows, before, at):
            is_seen = followed.incident.unseen_since is None
            key = "event.window_over" if is_seen else "event.window_over_unseen"
        elif name is None and (whom := whom_in_words(followed.cohorts)) is not None:
            key, values = "event.beyond_whom", {**values, "whom": whom}
        elif name is None:
            key = "event.beyond"
        said = followed.change(kind, at, Text(key=key, values=values))
        followed.revise_by_findings(at, said, maintenance=name)

    def _merge(self, home: Followed, other: Followed, at: float) -> None:
        ours, theirs = home.incident, other.incident
        for number, finding in other.findings.items():
            home.add_finding(finding)
            if number in self._by_finding:
                self._by_finding[number] = home
        other.findings = {}
        said = home.change(ChangeKind.JOINED, at, _joined("event.joined", theirs))
        related = tuple(dict.fromkeys((*ours.related, theirs.incident_id)))[-MOST_RELATED:]
        home.revise_by_findings(at, said, related=related)
        self._note_quiet(home, at)
        said = other.change(ChangeKind.JOINED, at, _joined("event.joined_to", ours))
        other.revise(
            at,
            said,
            state=IncidentState.RESOLVED,
            ended_at=at,
            related=tuple(dict.fromkeys((*theirs.related, ours.incident_id)))[-MOST_RELATED:],
        )
        self._forget(other)

    def _tell_split(self, finding: Finding, followed: Followed, at: float) -> None:
        """Report from which incident a finding was moved."""
        home = self._by_finding[finding.number]
        title, its = title_text(home.incident), home.incident.incident_id
        what = problem_with_numbers(finding)
        text = Text(key="event.split", values={"what": what, "title": title, "id": its})
        followed.revise_by_findings(at, followed.change(ChangeKind.SPLIT, at, text))
        self._note_quiet(followed, at)

    def _forget(self, followed: Followed) -> None:
        self._followed.pop(followed.incident.incident_id, None)
        numbers = {number for number, one in self._by_finding.items() if one is followed}
        for number in numbers:
            del self._by_finding[number]
        self._unlinked -= numbers
        self._links.forget(numbers)


def _joined(key: str, other: Incident) -> Text:
    """Return that another incident proved to be one with this one."""
    return Text(key=key, values={"title": title_text(other)})
