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
    Text,
)
from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.incidents.followed import MOST_RELATED, Followed, Tell, are_two
from platform_probe.judge.incidents.joining import (
    ALONE,
    UNSEEN_S,
    are_one_suspicion,
    have_one_mode,
)
from platform_probe.judge.incidents.maintenance import MaintenanceWindow, is_past, window_of
from platform_probe.judge.incidents.parts import cohorts_of, parts_of, whom_of
from platform_probe.judge.incidents.severity import severity_of
from platform_probe.judge.incidents.words import (
    opening_of,
    said_of,
    subject_of_title,
    title_text,
    whom_in_words,
)
from platform_probe.texts.speaking import Clock as Words
from platform_probe.texts.speaking import Speaker

QUIET_S: Final = 900.0
"""Resolved after so long without a sign of it [E]: what flaps every ten minutes is one incident."""
MOST_QUIET_S: Final = 3600.0
"""However often it came back."""
REMEMBERED_S: Final = 3600.0
"""The time after its end within which a returning incident is the same one."""
CLOSED_S: Final = 86_400.0
"""The time for which a person's close holds while the incident goes on: then it is usual."""
MOST_OPEN: Final = 100
"""The most open incidents: above it, a new finding goes to the latest of its kind."""
MOST_COMPARED: Final = 20
"""Incidents that one is compared with, the latest: of more nobody reads them."""
STEP_S: Final = 5.0


class Incidents:
    """All incidents that are open, or were so lately. `tell` gets each revision."""

    def __init__(
        self,
        *,
        clock: Clock,
        tell: Tell,
        words: Words,
        name: str,
        windows: Sequence[MaintenanceWindow] = (),
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._english = Speaker("en", words)
        self._name = name
        """The monitor's: ids differ between monitors."""
        self._windows = tuple(windows)
        self._followed: dict[str, Followed] = {}
        self._by_finding: dict[int, Followed] = {}
        self._opened = 0
        self._checked_at = 0.0

    # Findings

    def take(self, finding: Finding) -> None:
        """Handle a finding, or its new version."""
        followed = self._by_finding.get(finding.number)
        if followed is not None and self._has_left(followed, finding):
            followed.drop(finding)
            followed = None
        if followed is None:
            if finding.is_over:
                return
            followed = self._home_of(finding)
            if followed is None:
                self._open(finding)
                return
            self._join(followed, finding)
        followed.put(finding)
        if followed.is_open:
            self._tell_again(followed, finding)
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
            said = change(ChangeKind.CLOSED)
            followed.revise(at, said, state=IncidentState.CLOSED, ended_at=at)
        return True

    def restore(self, incidents: Iterable[Incident]) -> None:
        """Restore the incidents of an earlier process: the latest revision of each.

        Those that have ended may come back, and what a person closed stays closed while it goes on.
        """
        for incident in incidents:
            is_merged = incident.changes and incident.changes[-1].kind is ChangeKind.JOINED
            if incident.state is IncidentState.OPEN or not is_merged:
                self._new(incident).subject = incident.subject or subject_of_title(incident.title)

    def take_up(self, finding: Finding) -> None:
        """Restore a finding of an earlier process, as it was then: that process has reported it."""
        followed = self._by_finding.get(finding.number) or self._restored_home_of(finding)
        if followed is None:
            return
        self._belong(followed, finding)
        followed.put(finding)
        self._note_quiet(followed, finding.at)

    def begin(self) -> None:
        """Mute incidents without a record from now on.

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
        self._checked_at = at
        for followed in [*self._followed.values()]:
            if followed.is_open:
                self._end_mute(followed, at)
                self._follow_window(followed, at)
                self._tell_unseen(followed, at)
                self._resolve(followed, at)
            elif at - followed.over_at(at) > REMEMBERED_S + followed.hold_s:
                self._forget(followed)
        self._part(at)
        self._bring_home(at)
        self._join_alike(at)

    @property
    def open(self) -> list[Incident]:
        """Those that go on."""
        return [followed.incident for followed in self._followed.values() if followed.is_open]

    @property
    def remembered(self) -> list[Incident]:
        """Those that go on, and those that ended lately."""
        return [followed.incident for followed in self._followed.values()]

    # Within

    def _home_of(self, finding: Finding) -> Followed | None:
        """Return the incident that a new finding is of; None: a new one's.

        Open ones go first, of these one of its very cohort, then the latest.
        """
        known = [*reversed(self._followed.values())]
        open_ones = [each for each in known if each.is_open]
        over = [each for each in known if not each.is_open]
        near = [*open_ones[:MOST_COMPARED], *over[:MOST_COMPARED]]
        homes = [each for each in near if self._is_home(each, finding)]
        homes.sort(key=lambda each: (not each.is_open, not each.is_of_cohort(finding)))
        if homes:
            return homes[0]
        if len(open_ones) < MOST_OPEN:
            return None
        alike = (each for each in open_ones if each.incident.kind is finding.kind)
        return next(alike, open_ones[0])

    def _restored_home_of(self, finding: Finding) -> Followed | None:
        """Return the incident of an earlier process that a finding was of; None: it has ended."""
        for followed in reversed(self._followed.values()):
            one = followed.incident
            is_since = one.state is not IncidentState.RESOLVED and one.opened_at <= finding.at
            if is_since and self._is_home(followed, finding):
                return followed
        return None

    def _is_home(self, followed: Followed, finding: Finding) -> bool:
        """Return whether a finding is of an incident.

        A maintenance window mutes whom it covers, and nobody else: across its border only one and
        the same cohort is one problem.
        """
        if not followed.is_home_of(finding):
            return False
        theirs = window_of(self._windows, [whom_of(finding)], finding.at)
        is_same = self._window_of(followed, finding.at) == theirs
        return is_same or followed.is_of_cohort(finding)

    def _has_left(self, followed: Followed, finding: Finding) -> bool:
        """Return whether a finding proved to be on the other side of a window's border.

        Other findings of the incident go on without it.
        """
        before = followed.findings.get(finding.number)
        others = [one for one in followed.active if one.number != finding.number]
        is_moved = before is not None and dict(before.cohort) != dict(finding.cohort)
        if not self._windows or not others or not is_moved or not followed.is_open:
            return False
        parts = parts_of(others)
        ours = window_of(self._windows, [*map(whom_of, parts)], finding.at)
        theirs = window_of(self._windows, [whom_of(finding)], finding.at)
        return ours != theirs and dict(finding.cohort) not in cohorts_of(parts)

    def _window_of(self, followed: Followed, at: float) -> str | None:
        return window_of(self._windows, followed.whom, at) if self._windows else None

    def _open(self, finding: Finding) -> None:
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
            maintenance=window_of(self._windows, [whom_of(finding)], at),
            related=self._split_from(finding),
        )
        followed = self._new(incident)
        followed.put(finding)
        self._by_finding[finding.number] = followed
        opened = opening_of(finding, severity, incident.maintenance)
        kind = ChangeKind.OPENED if not incident.related else ChangeKind.SPLIT
        followed.tell(at, followed.change(kind, at, opened))

    def _new(self, incident: Incident) -> Followed:
        followed = Followed(incident, tell=self._tell, english=self._english)
        followed.hold_s = QUIET_S
        self._followed[incident.incident_id] = followed
        return followed

    def _split_from(self, finding: Finding) -> tuple[str, ...]:
        number = finding.split_from
        followed = self._by_finding.get(number) if number is not None else None
        return () if followed is None else (followed.incident.incident_id,)

    def _join(self, followed: Followed, finding: Finding) -> None:
        """Add a finding to an incident, and reopen that if it was over."""
        self._belong(followed, finding)
        if not followed.is_open and followed.incident.state is IncidentState.RESOLVED:
            followed.put(finding)
            back = Text(key="event.back", values={"what": said_of(finding)})
            said = followed.change(ChangeKind.REOPENED, finding.at, back)
            followed.tell(finding.at, said, state=IncidentState.OPEN)

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
        if quiet_since is None or followed.incident.unseen_since is not None:
            return
        seen_at = followed.seen_last(quiet_since)
        if at - seen_at < UNSEEN_S:
            return
        values = {"seen": seen_at, "until": quiet_since + followed.hold_s}
        said = followed.change(ChangeKind.UNSEEN, at, Text(key="event.unseen", values={**values}))
        followed.tell(at, said, ended_at=seen_at)

    def _tell_again(self, followed: Followed, finding: Finding) -> None:
        """Report that a quiet incident is seen again."""
        if followed.incident.unseen_since is None or not followed.active:
            return
        again = Text(key="event.seen_again", values={"what": said_of(finding)})
        followed.tell(finding.at, followed.change(ChangeKind.SEEN_AGAIN, finding.at, again))

    def _resolve(self, followed: Followed, at: float) -> None:
        quiet_since = followed.quiet_since
        if quiet_since is None or at - quiet_since < followed.hold_s:
            return
        ended_at = followed.seen_last(quiet_since)
        lasted = ended_at - followed.incident.since
        over = Text(key="event.resolved", values={"ended": ended_at, "lasted": lasted})
        followed.tell(
            at,
            followed.change(ChangeKind.RESOLVED, at, over),
            state=IncidentState.RESOLVED,
            ended_at=ended_at,
        )

    def _end_mute(self, followed: Followed, at: float) -> None:
        """Report the end of the time for which a person muted an incident."""
        until = followed.incident.muted_until
        if until is not None and at >= until:
            followed.tell_title(at)  # else the message has it, and no entry of the thread
            said = followed.change(ChangeKind.UNMUTED, at, Text(key="event.mute_over"))
            followed.tell(at, said, muted_until=None)

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
        followed.tell(at, said, maintenance=name)

    def _join_alike(self, at: float) -> None:
        """Make one of two incidents that turned out to be one: that of which somebody knows."""
        homes: list[Followed] = []
        for followed in sorted(self._followed.values(), key=lambda each: each.heard_of_at):
            if not followed.is_open:
                continue
            near = homes[-MOST_COMPARED:]
            home = next((home for home in near if self._are_alike(home, followed, at)), None)
            if home is None:
                homes.append(followed)
            else:
                self._merge(home, followed, at)

    def _are_alike(self, one: Followed, other: Followed, at: float) -> bool:
        """Return whether two open incidents are one.

        They are of one cohort, or began together and are of a mode, and no window parts them. What
        is suspicious is so by its mode alone.
        """
        is_same_window = self._window_of(one, at) == self._window_of(other, at)
        pairs = [(first, second) for first in one.active for second in other.active]
        if not ALONE.isdisjoint((one.incident.kind, other.incident.kind)):
            return is_same_window and any(are_one_suspicion(*pair) for pair in pairs)
        if one.incident.affected_cohorts == other.incident.affected_cohorts:
            return not are_two(one, other)
        return is_same_window and any(have_one_mode(*pair) for pair in pairs)

    def _merge(self, home: Followed, other: Followed, at: float) -> None:
        ours, theirs = home.incident, other.incident
        for number, finding in other.findings.items():
            home.put(finding)
            if number in self._by_finding:
                self._by_finding[number] = home
        other.findings = {}
        said = home.change(ChangeKind.JOINED, at, _joined("event.joined", theirs))
        related = tuple(dict.fromkeys((*ours.related, theirs.incident_id)))[-MOST_RELATED:]
        home.tell(at, said, related=related)
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

    def _bring_home(self, at: float) -> None:
        """Move a finding that was mistaken for another problem to the incident of its cohort.

        An incident found in all cars may prove to be of some, or of two modes. Findings of others
        meanwhile go to their incident, if they have one.
        """
        open_ones = [each for each in self._followed.values() if each.is_open]
        for followed in open_ones[-MOST_COMPARED:]:
            for one in followed.active if len(open_ones) > 1 else ():
                others = [each for each in followed.active if each is not one]
                is_of_it = one.cohort in followed.cohorts or not others
                if is_of_it or any(have_one_mode(one, each) for each in others):
                    continue
                home = next((each for each in open_ones if one.cohort in each.cohorts), None)
                if home is not None and ALONE.isdisjoint((home.incident.kind, one.kind)):
                    self._move(one, followed, home, at)

    def _part(self, at: float) -> None:
        """Split off findings of another mode, in other cohorts, as an incident of their own.

        Two problems that begin together are found as one, until it is known whom each hits.
        """
        open_ones = [each for each in self._followed.values() if each.is_open]
        if len(open_ones) >= MOST_OPEN:
            return
        for followed in open_ones[-MOST_COMPARED:]:
            for one in followed.apart:
                followed.drop(one)
                del self._by_finding[one.number]
                self.take(replace(one, at=at, split_from=followed.parts[0].number))
                self._tell_split(one, followed, at)

    def _move(self, finding: Finding, followed: Followed, home: Followed, at: float) -> None:
        followed.drop(finding)
        self._by_finding[finding.number] = home
        finding = replace(finding, at=at)
        home.put(finding)
        self._note_quiet(home, at)
        self._tell_again(home, finding)
        self._tell_split(finding, followed, at)
        home.renew(finding)

    def _tell_split(self, finding: Finding, followed: Followed, at: float) -> None:
        """Report from which incident a finding was moved."""
        home = self._by_finding[finding.number]
        title, its = title_text(home.incident), home.incident.incident_id
        what = said_of(finding)
        text = Text(key="event.split", values={"what": what, "title": title, "id": its})
        followed.tell(at, followed.change(ChangeKind.SPLIT, at, text))
        self._note_quiet(followed, at)

    def _forget(self, followed: Followed) -> None:
        self._followed.pop(followed.incident.incident_id, None)
        for number in [n for n, one in self._by_finding.items() if one is followed]:
            del self._by_finding[number]


def _joined(key: str, other: Incident) -> Text:
    """Return that another incident proved to be one with this one."""
    return Text(key=key, values={"title": title_text(other)})
