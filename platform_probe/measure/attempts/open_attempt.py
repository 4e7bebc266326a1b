"""One unlock that has not ended, and what was seen of it so far."""

from __future__ import annotations

import math
from typing import Any, Final

from msgspec import UNSET, UnsetType

from fleet_wire.contract.attempt import Flag, PlatformSide, Stage
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import Phase, Reason, Result
from fleet_wire.contract.topics import TopicKind
from platform_probe.cars.state import BoxPresence, Labels
from platform_probe.measure.attempts.ended_attempt import EndedAttempt
from platform_probe.measure.attempts.start import Start

_OF_THE_CAR: Final = (Stage.BOX_RECEIVED, Stage.RESULT_RECEIVED, Stage.STATE_CHANGED)
"""Stages that are reached by the car's own word."""
_ANSWERS: Final = (TopicKind.RESULT.value, TopicKind.STATE.value)
"""Messages that are waited for: a box's answer, then the car's state."""
_ORDER: Final = tuple(Stage)
AWAKE_WAY_UP_S: Final = 0.0375
"""How long an answer takes from a radio that is awake: half of LTE's median round trip of 75 ms
(SIGCOMM'21, RRC-Probe, gaps below 0.15 s).

Anything longer is paging, sleep or a queue, and these are on the way down; see docs/decisions/0006.
"""


class OpenAttempt:
    """The observations of one unlock. Times are absolute seconds on the monotonic clock."""

    __slots__ = (
        "api_said", "asked", "confirmed_after_s", "deadline_s", "flags", "presence_at_start",
        "provisional_status", "puback", "reached_s", "result", "scheduled_s", "start", "started_at",
        "unobserved", "unread", "wrong_vehicle_id",
    )  # fmt: skip

    def __init__(
        self, start: Start, *, started_at: float, scheduled_s: float, deadline_s: float
    ) -> None:
        self.start = start
        self.started_at = started_at
        self.scheduled_s = scheduled_s
        self.deadline_s = deadline_s
        self.reached_s: dict[Stage, float] = {Stage.INTENDED: start.intended_s}
        self.flags: tuple[Flag, ...] = ()
        self.presence_at_start: BoxPresence | None = None
        self.provisional_status: str | None = None
        """The provisional result of the command, which another may follow."""
        self.asked: PlatformSide | UnsetType = UNSET
        """Our own request to an API, and its answer when that has come."""
        self.api_said: str | None = None
        """The last status from an API that ended nothing."""
        self.puback: int | None = None
        self.confirmed_after_s = 0.0
        """How long after the command came the box confirmed that, as it says itself."""
        self.result: Result | None = None
        """The final answer: executed or refused."""
        self.unobserved: str | None = None
        """Why the probe did not see all of it; None: it did."""
        self.unread: dict[str, int] | None = None
        """Unreadable messages of the car since the command was sent, by kind."""
        self.wrong_vehicle_id: str | None = None
        """Another car, which answered to this command or opened by it."""

    def flag(self, flag: Flag) -> None:
        """Note an oddity, once."""
        if flag not in self.flags:
            self.flags = (*self.flags, flag)

    def count_unread(self, kind: TopicKind) -> None:
        """Count a message of the car that could not be read, if the command was sent by then."""
        if Stage.PUBLISHED in self.reached_s:
            unread = self.unread = self.unread or {}
            unread[kind.value] = unread.get(kind.value, 0) + 1

    @property
    def is_unread(self) -> bool:
        """Whether what is still waited for may be among what could not be read."""
        if self.unread is None or Stage.STATE_CHANGED in self.reached_s:
            return False
        waits_for = _ANSWERS if self.result is None else _ANSWERS[1:]
        return not self.unread.keys().isdisjoint(waits_for)

    @property
    def why_unknown(self) -> str | None:
        """Why its end was not seen; where no command was, what the API said."""
        is_seen = Stage.PUBLISHED in self.reached_s or self.has_box_answered
        return self.unobserved if is_seen or self.unobserved else self.api_said

    @property
    def has_box_answered(self) -> bool:
        """Whether the car itself has said anything about the command."""
        return not self.reached_s.keys().isdisjoint(_OF_THE_CAR)

    @property
    def is_refused(self) -> bool:
        """Whether the box has refused, and may have meant a copy of the command."""
        return self.result is not None and self.result.phase is Phase.REFUSED

    @property
    def is_of_copy(self) -> bool:
        """Whether a refusal may be of a copy: the box may be executing the command itself."""
        if self.result is None or not self.is_refused:
            return False
        may_be_busy_with_it = Flag.SENT_TWICE in self.flags
        reason = self.result.reason
        return reason is Reason.REPLAYED or (reason is Reason.BUSY and may_be_busy_with_it)

    def furthest(self) -> Stage:
        """Return the last stage that was reached."""
        return max(self.reached_s, key=_ORDER.index)

    def answers(self) -> tuple[Phase, ...]:
        """Return what the car has answered so far."""
        received = (Phase.RECEIVED,) if Stage.BOX_RECEIVED in self.reached_s else ()
        return (*received, self.result.phase) if self.result else received

    def end_as(
        self,
        cause: Cause | None,
        *,
        ended_s: float,
        build: Labels,
        reason: str | None,
        evidence: dict[str, Any],
    ) -> EndedAttempt:
        """Return the attempt as ended at `ended_s` with `cause` (None: it went well)."""
        self._place_what_the_box_did()
        return EndedAttempt(
            self.start,
            self.reached_s,
            self.started_at,
            self.scheduled_s,
            ended_s,
            cause,
            reason,
            self.flags,
            evidence,
            self.result,
            self.asked,
            build,
        )

    def _place_what_the_box_did(self) -> None:
        """Place what the box did by its own durations, between what we saw ourselves.

        The box's wall clock plays no part: only its durations since the command came do. So the hop
        into the execution is the box's own, and what is left is parted between the ways.
        """
        heard_s = self.reached_s.get(Stage.BOX_RECEIVED)
        if heard_s is None:
            return
        result, answered_s = self.result, self.reached_s.get(Stage.RESULT_RECEIVED, math.inf)
        since_s = None if result is None else result.since_received_s
        command_came_s = self._command_came_s(heard_s, answered_s - (since_s or 0.0))
        received_s = min(command_came_s + self.confirmed_after_s, heard_s)
        self.reached_s[Stage.BOX_RECEIVED] = received_s
        if result is not None and result.reason is None and since_s is not None:
            executed_s = max(command_came_s + since_s, received_s)
            self.reached_s[Stage.BOX_EXECUTED] = min(executed_s, answered_s)

    def _command_came_s(self, heard_s: float, latest_s: float) -> float:
        """Return when the command came to the box.

        Each answer says when at the latest: when it arrived, less what the box took. The quicker
        answer travelled for as long as one from a radio that is awake takes. If half of both travel
        times together is less, that counts.
        """
        latest_s = min(latest_s, heard_s - self.confirmed_after_s)
        sent_s = self.reached_s.get(Stage.PUBLISHED, self.start.intended_s)
        accepted_s = self.reached_s.get(Stage.BROKER_ACCEPTED, sent_s)
        if accepted_s <= latest_s:  # else the PUBACK came behind the answers
            sent_s = accepted_s
        both_ways_s = max(latest_s - sent_s, 0.0)
        return max(latest_s, sent_s) - min(both_ways_s / 2, AWAKE_WAY_UP_S)
