"""The unlocks that are open, and what ends each of them. No I/O.

Whichever event arrives first ends what is overdue, so the records do not depend on how often `tick`
is called.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import PROBE_STOPPED, UNREAD, Flag, Record, Source, Stage
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import Result
from platform_probe.cars.state import BoxPresence
from platform_probe.measure.attempts.conclusion import (
    cause_of_refusal,
    cause_of_timeout,
    evidence_of,
)
from platform_probe.measure.attempts.ended_attempt import EndedAttempt
from platform_probe.measure.attempts.evidence import FleetEvidence
from platform_probe.measure.attempts.gaps import Gaps
from platform_probe.measure.attempts.held_answers import HeldAnswer, HeldAnswers
from platform_probe.measure.attempts.open_attempt import OpenAttempt
from platform_probe.measure.attempts.past_commands import PastCommands, UnfollowedCommand
from platform_probe.measure.attempts.platform_side import PlatformSide
from platform_probe.measure.attempts.start import Start
from platform_probe.measure.attempts.strays import stray_answer

BROKER_LOOKED_BACK_S: Final = 300.0
"""The time before an unlock in which broker log events of its car are evidence.

Boxes that throw each other out do so every 1 to 60 s; a full queue is reported once [E].
"""


UNANSWERED: Final = 0.5
"""After so much of its deadline an unlock looks failed of which a connected car has said nothing:
of 20 s, 10 [E]. A car that is well confirms a command within 2 s, see `conclusion.CROSSING_S`."""


class Following:
    """The unlocks that are open. `emit` takes each record; `evidence` says what cars are like.

    It waits only for messages that the fleet sends, as `evidence.wire` says.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        evidence: FleetEvidence,
        emit: Callable[[Record], None],
        deadline_s: float,
        state_grace_s: float,
        remembered: PastCommands,
        is_watching: bool,
        gaps: Gaps,
    ) -> None:
        self._clock = clock
        self.evidence = self._evidence = evidence
        self._emit = emit
        self._deadline_s = deadline_s
        self._state_grace_s = state_grace_s
        self._gaps = gaps
        self._wire = evidence.wire
        self.on_wait: Callable[[], None] | None = None
        """Called when there is something more to wait for, see `next_deadline_s`."""
        self._is_watching = is_watching
        """Whether the commands of others come to us."""
        self.is_ours: Callable[[str], bool] | None = None
        """Says of a car whether its customers are ours to count; None: there is no other monitor
        that hears all that we hear."""
        self.on_other: Callable[[str, Result], None] | None = None
        """Takes a car and its answer to a command that belongs to no attempt."""
        self.on_stranger: Callable[[str], None] | None = None
        """Takes a car to which somebody has sent a command that another monitor counts."""
        self.to_join: Callable[[EndedAttempt], None] | None = None
        """Takes in place of `emit` what is to be joined with the platform's log."""
        self.on_unanswered: Callable[[EndedAttempt], None] | None = None
        """Takes an unlock of which a connected car has said nothing for half of its deadline, as it
        would be if it ended now. It goes on."""
        self._held = HeldAnswers()
        self.load_began_s = clock.monotonic_s()
        """Second 0 of `scheduled_s`."""
        self._open: dict[str, OpenAttempt] = {}
        self._open_by_vehicle: dict[str, list[OpenAttempt]] = {}
        self._open_by_trace: dict[str, OpenAttempt] = {}
        """Those that were asked for through an API, which gives them their command."""
        self._deadlines: list[tuple[float, str]] = []
        """A heap of when an open unlock is overdue, unless its deadline has moved, and its command:
        tuples, as structs take longer to compare."""
        self._unanswered: deque[tuple[float, str]] = deque()
        """When each open unlock is looked at halfway, and its command."""
        self._remembered = remembered
        self.started: Counter[Source] = Counter()
        self.ended: Counter[Source] = Counter()
        self.ok = 0
        """Attempts that went well, those of the null box left out."""
        self.not_followed = 0
        """Commands of others that were not followed because too many attempts were open."""

    def __len__(self) -> int:
        """Return how many attempts are open."""
        return len(self._open)

    def knows(self, command_id: str) -> bool:
        """Return whether the command is one of ours, or was seen before."""
        return command_id in self._open or command_id in self._remembered

    def has_open(self, vehicle_id: str) -> bool:
        """Return whether an unlock of the car is open, regardless of its sender."""
        return vehicle_id in self._open_by_vehicle

    def is_under_way(self, side: PlatformSide) -> bool:
        """Return whether an unlock from the platform's log is open here.

        An unlock without a command id that was not ours is recognised by its car.
        """
        if side.command_id in self._open or side.trace_id in self._open_by_trace:
            return True
        is_asked_for = side.command_id is None and not side.is_turned_down
        return is_asked_for and side.vehicle_id in self._open_by_vehicle

    def is_open(self, attempt: OpenAttempt) -> bool:
        """Return whether an attempt has not ended."""
        return self._open.get(attempt.start.command_id) is attempt

    # The end of attempts

    def tick(self) -> None:
        """End what is overdue, and forget what ended long ago."""
        self._remembered.forget(self._advance())

    def next_deadline_s(self) -> float | None:
        """Return when `tick` should be called at the latest, for a caller that sleeps until then.

        It may be earlier than needed: deadlines of ended attempts are not taken out.
        """
        deadline_s = self._deadlines[0][0] if self._deadlines else math.inf
        halfway = self._unanswered
        while halfway and halfway[0][1] not in self._open:
            halfway.popleft()
        halfway_s = halfway[0][0] if halfway else math.inf
        earliest_s = min(deadline_s, halfway_s, self._held.next_s())
        return None if earliest_s == math.inf else earliest_s

    def broker_lost(self, reason: str) -> None:
        """End our own open attempts: the connection through which they are made is gone.

        Those of others go on without us. Their messages that still arrive count; missing ones may
        have been published while nobody listened.
        """
        now_s = self._advance()
        for attempt in tuple(self._open.values()):
            if attempt.is_refused:
                self._end_refused(attempt)
                continue
            attempt.unobserved = reason
            if attempt.start.source is not Source.CUSTOMER and not attempt.start.through_api:
                self._end_attempt(attempt, Cause.BROKER_UNREACHABLE, now_s, reason)

    def interrupt(self) -> None:
        """End every open attempt: the probe stops."""
        now_s = self._advance()
        for attempt in tuple(self._open.values()):
            if attempt.is_refused:
                self._end_refused(attempt)
                continue
            attempt.unobserved = PROBE_STOPPED
            self._end_attempt(attempt, Cause.NOT_OBSERVED, now_s, attempt.unobserved)
        for held in self._held.overdue(math.inf):
            self._waited_in_vain(held)

    # Within

    def _advance(self) -> float:
        """End what is overdue, and return the present. After a gap the answers are read first."""
        now_s = self._clock.monotonic_s()
        if now_s >= self._gaps.none_before_s and self._gaps.is_catching_up(now_s):
            return now_s
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= now_s:
            attempt = self._open.get(heapq.heappop(deadlines)[1])
            if attempt is not None and attempt.deadline_s <= now_s:
                self._end_overdue(attempt)
        halfway = self._unanswered
        while halfway and halfway[0][0] <= now_s:
            attempt = self._open.get(halfway.popleft()[1])
            if attempt is not None:
                self._look_halfway(attempt, now_s)
        if self._held.count:
            for held in self._held.overdue(now_s):
                self._waited_in_vain(held)
        return now_s

    def _end_overdue(self, attempt: OpenAttempt) -> None:
        if attempt.is_refused:
            self._end_refused(attempt)
            return
        cause = self._cause_so_far(attempt)
        is_unread = cause is Cause.UNCLASSIFIED and attempt.is_unread
        reason = UNREAD if is_unread else attempt.why_unknown
        self._end_attempt(attempt, cause, attempt.deadline_s, reason)

    def _end_refused(self, attempt: OpenAttempt) -> None:
        """End an attempt that the box has refused, when it did."""
        answer = attempt.result
        assert answer is not None  # noqa: S101 - it was refused
        said = (answer.reason and answer.reason.value, answer.detail)
        reason = ": ".join(part for part in said if part) or None
        refused_s = attempt.reached_s[Stage.RESULT_RECEIVED]
        self._end_attempt(attempt, cause_of_refusal(answer.reason), refused_s, reason)

    def _look_halfway(self, attempt: OpenAttempt, now_s: float) -> None:
        """Report an unlock that a connected, awake car has not answered halfway to its deadline."""
        is_there = attempt.presence_at_start is BoxPresence.ONLINE
        if (
            self.on_unanswered is None
            or not is_there
            or attempt.has_box_answered
            or attempt.unobserved
        ):
            return
        build = self._evidence.state_of(attempt.start.vehicle_id).labels
        cause = self._cause_so_far(attempt)
        self.on_unanswered(
            attempt.end_as(cause, ended_s=now_s, build=build, reason=None, evidence={})
        )

    def _cause_so_far(self, attempt: OpenAttempt) -> Cause:
        """Return why an unlock has no answer, by the evidence of it and of its car."""
        vehicle = self._evidence.state_of(attempt.start.vehicle_id)
        return cause_of_timeout(attempt, vehicle, is_watching=self._is_watching, wire=self._wire)

    def _waited_in_vain(self, held: HeldAnswer) -> None:
        """Nobody is known to have asked. An open lock alone is no answer, so no stray one."""
        if isinstance(held.message, Result):
            self._stray(held.vehicle_id, held.message, held.at_s, held.unix_s)

    def _follow(self, start: Start, started_at: float) -> OpenAttempt:
        attempt = OpenAttempt(
            start,
            started_at=started_at,
            scheduled_s=start.intended_s - self.load_began_s,
            deadline_s=start.intended_s + self._deadline_s,
        )
        attempt.presence_at_start = self._evidence.state_of(start.vehicle_id).presence
        self._open[start.command_id] = attempt
        if start.through_api:
            self._open_by_trace[start.trace_id] = attempt
        self._open_by_vehicle.setdefault(start.vehicle_id, []).append(attempt)
        self._note_deadline(attempt)
        if self.on_unanswered is not None and start.source is not Source.FLOOR:
            self._note_halfway(start)
        self.started[start.source] += 1
        return attempt

    def _note_halfway(self, start: Start) -> None:
        is_next = not self._unanswered
        self._unanswered.append(
            (start.intended_s + UNANSWERED * self._deadline_s, start.command_id)
        )
        if is_next and self.on_wait is not None:
            self.on_wait()

    def _note_deadline(self, attempt: OpenAttempt) -> None:
        deadline = attempt.deadline_s, attempt.start.command_id
        heapq.heappush(self._deadlines, deadline)
        if self.on_wait is not None and self._deadlines[0] is deadline:
            self.on_wait()

    def _end_attempt(
        self, attempt: OpenAttempt, cause: Cause | None, ended_s: float, reason: str | None = None
    ) -> None:
        start = attempt.start
        vehicle = self._evidence.state_of(start.vehicle_id)
        said = self._evidence.broker.counts_since(
            start.vehicle_id, attempt.started_at - BROKER_LOOKED_BACK_S
        )
        evidence: dict[str, Any] = {"broker_said": said} if said else {}
        if cause is not None or attempt.wrong_vehicle_id is not None:
            evidence = evidence_of(attempt, vehicle, ended_s, broker_said=said)
        gap_s = self._gaps.longest_s(start.intended_s, ended_s)
        if gap_s:
            attempt.flag(Flag.OBSERVED_LATE)
            evidence = {**evidence, "monitor_stood_still_s": round(gap_s, 3)}
        ended = attempt.end_as(
            cause, ended_s=ended_s, build=vehicle.labels, reason=reason, evidence=evidence
        )
        del self._open[start.command_id]
        if start.through_api:
            del self._open_by_trace[start.trace_id]
        siblings = self._open_by_vehicle[start.vehicle_id]
        siblings.remove(attempt)
        if not siblings:
            del self._open_by_vehicle[start.vehicle_id]
        self.ended[start.source] += 1
        self.ok += cause is None and start.source is not Source.FLOOR
        self._remembered.add_attempt(attempt, ended_s, is_ok=cause is None)
        if self.to_join is not None and (start.through_api or start.source is Source.CUSTOMER):
            self.to_join(ended)
        else:
            self._emit(ended.record_without_log(self._wire))

    def _stray(self, vehicle_id: str, result: Result, now_s: float, unix_s: float) -> None:
        past = self._remembered.get(result.command_id, now_s)
        if past is None and self.is_ours is not None:
            return  # an earlier command may belong to another monitor
        if not isinstance(past, UnfollowedCommand):
            self._emit(stray_answer(vehicle_id, result, past, now_s=now_s, unix_s=unix_s))
        elif self.on_other is not None:
            self.on_other(vehicle_id, result)
