"""One unlock with everything about it, for display."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from fleet_wire.contract.attempt import Stage, StrayKind
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Incident, IncidentKind, IncidentState
from fleet_wire.contract.messages import Phase, PresenceStatus
from fleet_wire.contract.platform_log import PlatformStep
from fleet_wire.contract.problems import is_error
from fleet_wire.modes.facts import Fact
from platform_probe.judge.diagnosis.case import AWAY_S
from platform_probe.judge.diagnosis.records import is_taken_over_often
from platform_probe.judge.diagnosis.seen_of_car import SOON_S
from platform_probe.tell.support.believed import Revision
from platform_probe.tell.support.choosing import Choice
from platform_probe.tell.support.cohorts import SharedTraits, is_in_cohort
from platform_probe.tell.support.rows import Row, unix_s

LISTED: Final = 20
"""Other unlocks of the same car, booking or customer that are listed."""
BEFORE_S: Final = 600.0
AFTER_S: Final = 600.0
"""Told of the car before and after the unlock: so long late answers are recognised."""
LONG_WAIT_S: Final = 60.0
"""The wait after which most apps have shown a failure: 20 to 35 s are usual [E]."""
FOLLOWED_S: Final = 600.0
"""The time for which an unlock is diagnosed again as more becomes known, see
`platform_probe.judge.diagnosis`.
"""

_SENT: Final = (
    Stage.PUBLISHED, Stage.BROKER_ACCEPTED, Stage.BOX_RECEIVED, Stage.BOX_EXECUTED,
    Stage.RESULT_RECEIVED,
)  # fmt: skip
"""Each of these shows that the command was sent."""
_PRESENCE_LIES: Final = frozenset({Fact.TALKS_WHILE_OFFLINE, Fact.FLAPPED})
"""Facts with which a box may be there though presence shows offline."""
_CLOCK_S: Final = 2.0
"""The usual error of a box's clock [E]: a command may live so much longer."""
_SEEN_AFTER_S: Final = {
    Fact.BACK_SOON: SOON_S,
    Fact.STILL_AWAY: AWAY_S,
    **dict.fromkeys(
        (
            Fact.BACK_IN_MINUTES, Fact.BACK_AFTER_WILL, Fact.BACK_WITHOUT_WILL,
            Fact.BACK_WITHOUT_BOOT, Fact.BOOTED_AFTER, Fact.WILL_AFTER,
            Fact.NOTHING_AFTER_RETURN, Fact.CONFIRMED_LATE, Fact.OPENED_LATE, Fact.REFUSED_LATE,
            Fact.LATE_ON_RETURN, Fact.RESUMED, Fact.FAILS_AGAIN, Fact.WENT_WELL_BETWEEN,
            Fact.SUPPORT_CALLED,
        ),
        FOLLOWED_S,
    ),
}  # fmt: skip
"""The time after an unlock until which each fact may still appear, seconds: before, it is not
missing.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is known of an unlock; without an attempt: of a car at a time."""

    vehicle_id: str | None
    attempt: Row | None
    at_s: float
    """When it began, or the time that was asked about, Unix seconds."""
    newest_s: float
    """The time of the newest record: the latest known moment."""
    is_as_of: bool = False
    """Whether it is shown as it was known then, though more became known later."""
    events: Sequence[Row] = ()
    heard: Sequence[Row] = ()
    strays: Sequence[Row] = ()
    neighbours: Sequence[Row] = ()
    """Other unlocks of the car of that time, each with whether it opened late, in order of time."""
    complaints: Sequence[Row] = ()
    since_s: float | None = None
    """Since when there is no such unlock, where that was asked."""
    records_begin_s: float | None = None
    """When the records begin, Unix seconds, where no unlock is known."""
    has_platform_log: bool = True
    """Whether there is any log of the platform: without one nobody knows what it was asked."""
    complaint_id: str | None = None
    """The id of the diagnosed call, if no unlock is known."""
    revisions: Sequence[Revision] = ()
    """The diagnoses, from the first moment to the last."""
    others: Sequence[Row] = ()
    """Other unlocks that fit what was asked, the last one first."""
    which: Choice | None = None
    """Which of all that fit it is; None where it is asked for by itself."""
    finding: SharedTraits | None = None
    """The traits that failures of that time share; None where this was none."""
    connected_s: float | None = None
    """When its box connected again after the unlock, where it still is; Unix seconds."""
    booking_ended_s: float | None = None
    """When its booking ended after the unlock, as the platform's log has it, Unix seconds; of a
    call also before it."""
    booked_since: Row | None = None
    """The platform's answer to another customer who has booked the car after its booking ended and
    before the time in question; None where it is not asked for by the car alone.
    """
    locked_s: float | None = None
    """When the platform took a lock of the car for executed last, after the unlock; Unix seconds,
    of a call also before it."""
    incidents: Sequence[Incident] = ()
    """The incidents that it is of, those that go on first."""

    @property
    def cause(self) -> Cause | None:
        """Why it failed."""
        return None if self.attempt is None else cause_of(self.attempt)

    @property
    def has_failed(self) -> bool:
        """Whether it failed, as far as is known: so did what a customer called for."""
        return self.cause is not None or self.complaint_id is not None

    @property
    def not_asked_since_s(self) -> float | None:
        """Since when no request of who called has come, Unix seconds, where that is all there is.

        Their call is too new to be diagnosed; None: it is, or their phone has asked.
        """
        call = next(iter(self.complaints), None)
        since = None if call is None or self.revisions else call.get("not_asked_since")
        return None if since is None else unix_s(since)

    @property
    def believed(self) -> Revision | None:
        """The last diagnosis; None where it was never diagnosed."""
        return self.revisions[-1] if self.revisions else None

    @property
    def is_in_doubt(self) -> bool:
        """Whether another car may have said that it opened: two use one identity at the broker."""
        return self.cause is None and self.is_of_two

    @property
    def is_of_two(self) -> bool:
        """Whether two boxes threw each other out at the time: either may have got the command."""
        return self.attempt is not None and is_taken_over_often(evidence_of(self.attempt))

    @property
    def seen_facts(self) -> frozenset[str]:
        """The facts that its last diagnosis has seen; none where it was never diagnosed."""
        return frozenset(() if self.believed is None else (one.fact for one in self.believed.facts))

    @property
    def gone_s(self) -> float | None:
        """For how long its box had been gone when it was asked for, and was until the end, seconds.

        Its presence shows that; None: it was there, nobody knows, or presence is not to be
        believed.
        """
        if self.attempt is None or self.cause is not Cause.BOX_OFFLINE:
            return None
        evidence = evidence_of(self.attempt)
        said = {evidence.get("presence"), evidence.get("presence_at_start")}
        changed_ago_s = evidence.get("presence_changed_ago_s")
        is_doubtful = not self.seen_facts.isdisjoint(_PRESENCE_LIES)
        if said != {PresenceStatus.OFFLINE} or changed_ago_s is None or is_doubtful:
            return None
        gone_s = float(changed_ago_s) - self.attempt["total_s"]
        return gone_s if gone_s > 0 else None

    @property
    def is_out_of_reach(self) -> bool:
        """Whether its box was gone until its command's life was over, so that none has opened it.

        False if the records lack one of three facts: the life of the command, an earlier loss of
        the box, and no later answer.
        """
        until_s = self._lives_until_s
        if self.attempt is None or self.gone_s is None or until_s is None:
            return False
        heard_ago_s = evidence_of(self.attempt).get("heard_ago_s", math.inf)
        is_told = until_s <= min(self.newest_s, self.at_s + AFTER_S)
        if not is_told or heard_ago_s <= self.attempt["total_s"]:
            return False
        gone_at_s = self.at_s - self.gone_s
        return not any(
            gone_at_s < unix_s(one["heard_at"]) <= until_s and _may_be_of_box(one)
            for one in self.heard
        )

    @property
    def _lives_until_s(self) -> float | None:
        """Until when a box may take its command, Unix seconds; None: that was not heard."""
        its = [
            unix_s(one["expires_at"])
            for one in self.heard
            if one["kind"] == "command" and one["expires_at"] is not None
            if self.attempt is not None and one["command_id"] == self.attempt["command_id"]
        ]
        return max(its) + _CLOCK_S if its else None

    @property
    def is_command_sent(self) -> bool:
        """Whether the command was sent to the car, also later, or nobody saw whether it was."""
        if self.attempt is None or self.cause is Cause.NOT_OBSERVED:
            return True
        command_id = self.attempt["command_id"]
        is_seen = any(self.attempt[f"{stage}_s"] is not None for stage in _SENT)
        return is_seen or any(
            event["event"] == PlatformStep.PUBLISHED and event["command_id"] == command_id
            for event in self.events
            if command_id is not None
        )

    @property
    def problems(self) -> list[Incident]:
        """The incidents that a customer may hear of: all but suspicious traffic."""
        return [one for one in self.incidents if one.kind is not IncidentKind.SUSPICIOUS]

    @property
    def goes_on(self) -> list[Incident]:
        """Those of them that go on."""
        return [one for one in self.problems if one.state is IncidentState.OPEN]

    @property
    def not_missed(self) -> frozenset[str]:
        """The facts whose absence is not reported.

        That cars of its operator, say, fail more: by who else has it, and incidents, which were not
        known yet when it was diagnosed. And what shows only after a while, where records end.
        """
        own = self.attempt or next(iter(self.complaints), None)
        found = () if self.finding is None or own is None else self.finding.found
        cohorts = [one for one in found if own is not None and is_in_cohort(own, one)]
        shared = {trait.name for one in cohorts for trait in one.traits}
        shared.update(*(one.cohort for one in self.problems if one.kind is IncidentKind.FAILURES))
        known_s = self.newest_s - self.at_s
        too_soon = (fact.value for fact, after_s in _SEEN_AFTER_S.items() if known_s < after_s)
        return frozenset((*(f"{trait}_fails" for trait in shared), *too_soon))

    @property
    def opened_after_long_s(self) -> float | None:
        """How long after the request it opened, seconds; None: soon, or not at all."""
        if self.attempt is None or self.cause is not None:
            return None
        waited_s = float(self.attempt["total_s"])
        return waited_s if waited_s >= LONG_WAIT_S else None

    @property
    def opened_late(self) -> bool:
        """Whether the car opened later than the monitor waited, and no other can have said so."""
        return self.opened_late_s is not None

    @property
    def opened_late_s(self) -> float | None:
        """When that was told, Unix seconds; None: it did not."""
        if self.is_of_two:
            return None
        late = (unix_s(stray["came_at"]) for stray in self.strays if self.is_opened_by(stray))
        return next(late, None)

    def is_opened_by(self, stray: Row) -> bool:
        """Return whether a late answer has opened the car, whatever the customer was told."""
        if stray["is_late_unlock"]:
            return True
        is_executed = (stray["kind"], stray["phase"]) == (StrayKind.LATE, Phase.EXECUTED)
        return is_executed and self.attempt is not None and is_told_open(self.attempt)

    @property
    def opened_in_time(self) -> bool:
        """Whether it had opened in time by its box's clock, and only its answer came late."""
        return self.opened_late and Fact.OPENED_IN_TIME in self.seen_facts

    @property
    def opened_after_no(self) -> bool:
        """Whether it did after its customer was told no: not where the app still heard of it."""
        return self.opened_late and not (self.attempt and is_told_open(self.attempt))


def cause_of(attempt: Row) -> Cause | None:
    """Return why an unlock failed; None where it opened."""
    return None if attempt["cause"] is None else Cause(attempt["cause"])


def is_told_open(attempt: Row) -> bool:
    """Return whether the platform knew that a car had opened, and no error had reached the app.

    It was answered 202, and asks until the command has ended.
    """
    return attempt["platform_outcome"] == Phase.EXECUTED and not is_error(attempt["status"])


def _may_be_of_box(heard: Row) -> bool:
    """Return whether what was heard may show that a box is connected."""
    is_gone = heard["kind"] == "presence" and heard["status"] == PresenceStatus.OFFLINE
    return not (heard["is_retained"] or heard["kind"] == "command" or is_gone)


def evidence_of(attempt: Row) -> dict[str, Any]:
    """Return what the cause was concluded from."""
    text = attempt["evidence"]
    return {} if text is None else msgspec.json.decode(text, type=dict[str, Any])
