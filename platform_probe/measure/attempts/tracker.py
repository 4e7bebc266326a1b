"""Follows every unlock from its start to its end, without any I/O.

Its inputs are events: a start, a publish, a PUBACK, a message from a car, the passing of time. It
emits exactly one `Attempt` for each unlock that was started. It emits a `StrayAnswer` for each
answer outside of an open unlock. Durations use the monotonic clock alone.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import msgspec

from fleet_wire.contract.attempt import BEGUN_LATE, Flag, Source, Stage
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Presence,
    Result,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.partial import PartialState, PartialTelemetry, ProvisionalResult
from fleet_wire.contract.topics import TopicKind
from fleet_wire.contract.trace_context import TraceContext
from fleet_wire.links.link import FIRST_ERROR_CODE, NO_MATCHING_SUBSCRIBERS
from platform_probe.measure.attempts.conclusion import WORK_S
from platform_probe.measure.attempts.following import Following
from platform_probe.measure.attempts.held_answers import HeldAnswer
from platform_probe.measure.attempts.open_attempt import OpenAttempt
from platform_probe.measure.attempts.start import Start

MAX_OPEN_WATCHED: Final = 100_000
"""Open attempts above which commands of others are no longer followed, only counted."""
TOO_LATE: Final = 0.25
"""The share of the deadline after which our own unlock begins too late to blame its car for silence
[E].

It is 4 of 15 s; a car that sleeps needs 5 to 10 to answer.
"""


AT_ONCE_S: Final = 0.1
"""Anybody who hears a command at the broker and sends it again needs longer [E]."""


class AttemptTracker(Following):
    """Follows unlocks by their events, and keeps `evidence` up to date."""

    # Attempts of the probe itself

    def start(self, start: Start) -> OpenAttempt:
        """Begin an attempt that is made now."""
        now_s = self._advance()
        attempt = self._follow(start, self._clock.unix_s() - (now_s - start.intended_s))
        attempt.reached_s[Stage.REQUESTED] = now_s
        late_s = now_s - start.intended_s
        if late_s > TOO_LATE * self._deadline_s:
            attempt.unobserved = f"{BEGUN_LATE} {late_s:.1f} s late"
        return attempt

    def published(self, command_id: str) -> None:
        """Note that the command was handed to the link."""
        attempt = self._open.get(command_id)
        if attempt is not None:
            attempt.reached_s[Stage.PUBLISHED] = self._clock.monotonic_s()

    def api_answered(self, attempt: OpenAttempt, status: int | None, problem: str | None) -> None:
        """Note that the API has given its answer, good or bad: HTTP status and problem's slug."""
        if self.is_open(attempt) and Stage.API_ANSWERED not in attempt.reached_s:
            attempt.reached_s[Stage.API_ANSWERED] = self._clock.monotonic_s()
            if attempt.asked:
                attempt.asked = msgspec.structs.replace(
                    attempt.asked, status=status, problem=problem
                )

    def api_said(self, attempt: OpenAttempt, said: str | None) -> None:
        """Note what the API said last: the reason, where nobody sees how the unlock ends."""
        attempt.api_said = said

    def end_as_told(self, attempt: OpenAttempt, cause: Cause | None, reason: str | None) -> None:
        """End an attempt with the API's answer, unless MQTT shows its command: that says more."""
        now_s = self._advance()
        if self.is_open(attempt) and Stage.PUBLISHED not in attempt.reached_s:
            if cause is None and not attempt.has_box_answered:
                attempt.flag(Flag.ONLY_TOLD)
            self._end_attempt(attempt, cause, now_s, reason)

    def fail(self, command_id: str, cause: Cause, reason: str) -> None:
        """End an attempt whose command could not be sent."""
        attempt = self._open.get(command_id)
        if attempt is not None:
            self._end_attempt(attempt, cause, self._clock.monotonic_s(), reason)

    def acknowledged(self, command_id: str, code: int) -> None:
        """Note the broker's PUBACK with its reason code."""
        now_s = self._advance()
        attempt = self._open.get(command_id)
        if attempt is None or attempt.puback is not None:
            return
        attempt.puback = code
        if code >= FIRST_ERROR_CODE:
            self._end_attempt(attempt, Cause.BROKER_DENIED, now_s, f"MQTT reason code {code}")
            return
        attempt.reached_s[Stage.BROKER_ACCEPTED] = now_s
        if code == NO_MATCHING_SUBSCRIBERS:
            self._end_attempt(attempt, Cause.NO_SUBSCRIBER, now_s, f"MQTT reason code {code}")

    # Messages

    def command_seen(self, vehicle_id: str, command: Command, trace: TraceContext | None) -> None:
        """Follow a command that somebody else sent: a customer's unlock, once for each command."""
        now_s = self._advance()
        trace_id = None if trace is None else trace.trace_id
        asked = self._open_by_trace.get(trace_id) if trace_id else None
        is_known = self.knows(command.command_id)
        if asked is not None and asked.start.vehicle_id == vehicle_id:
            is_copy = is_known and Stage.PUBLISHED in asked.reached_s
            if not is_copy:  # the answer of the API may have named it already
                self._came_through_api(asked, command, now_s)
                return
        if is_known:
            self.command_again(command.command_id)
            return
        if trace_id and self._remembered.name_command(trace_id, command.command_id):
            return
        if self.is_ours is not None and not self.is_ours(vehicle_id):
            self._pass_over(command.command_id, now_s)
            if self.on_stranger is not None:
                self.on_stranger(vehicle_id)
            return
        if len(self._open) >= MAX_OPEN_WATCHED or command.action is not Action.UNLOCK:
            self.not_followed += command.action is Action.UNLOCK
            self._pass_over(command.command_id, now_s)
            return
        held = self._held.pop_answers(command.command_id)
        seen_s = held[0].at_s if held else now_s
        digest = blake2b(f"{vehicle_id}/{command.command_id}".encode(), digest_size=16).hexdigest()
        start = Start(
            attempt_id=digest,
            command_id=command.command_id,
            vehicle_id=vehicle_id,
            trace_id=trace_id or digest,
            parent_span_id=None if trace is None else trace.span_id,
            source=Source.CUSTOMER,
            intended_s=seen_s,
            booking_id=command.booking_id,
        )
        attempt = self._follow(start, self._clock.unix_s() - (now_s - seen_s))
        for stage in (Stage.REQUESTED, Stage.PUBLISHED, Stage.BROKER_ACCEPTED):
            attempt.reached_s[stage] = seen_s
        if held:
            attempt.flag(Flag.OUT_OF_ORDER)
        self._answer_from(held)

    def command_again(self, command_id: str) -> None:
        """Note a copy of a command: one that comes at once was published twice."""
        attempt = self._open.get(command_id)
        if attempt is None or attempt.start.source is not Source.CUSTOMER:
            return
        after_s = self._clock.monotonic_s() - attempt.start.intended_s
        if after_s < AT_ONCE_S:
            attempt.flag(Flag.SENT_TWICE)

    def _add_held_answers(self, command_id: str) -> None:
        self._answer_from(self._held.pop_answers(command_id))

    def _answer_from(self, held: list[HeldAnswer]) -> None:
        for one in held:
            if isinstance(one.message, Result):
                self._take_answer(one.vehicle_id, one.message, one.at_s)
            else:
                self._take_open_lock(one.vehicle_id, one.message, one.at_s)

    def _came_through_api(self, attempt: OpenAttempt, command: Command, now_s: float) -> None:
        """Handle the command that an API has made for us."""
        if command.action is not Action.UNLOCK or Stage.PUBLISHED in attempt.reached_s:
            return
        for stage in (Stage.PUBLISHED, Stage.BROKER_ACCEPTED):
            attempt.reached_s[stage] = now_s
        self.name_command(attempt, command.command_id)

    def name_command(self, attempt: OpenAttempt, command_id: str) -> None:
        """Note which command an API has made for an attempt. Earlier answers to it count."""
        start = attempt.start
        if not start.is_unnamed or not self.is_open(attempt) or self.knows(command_id):
            return
        del self._open[start.command_id]
        attempt.start = msgspec.structs.replace(start, command_id=command_id)
        self._open[command_id] = attempt
        self._note_deadline(attempt)
        self._add_held_answers(command_id)

    def pass_over(self, command_id: str) -> None:
        """Handle a command that belongs to no attempt: another probe's, or a lock of our own."""
        now_s = self._advance()
        if not self.knows(command_id):
            self._pass_over(command_id, now_s)

    def result(self, vehicle_id: str, result: Result) -> None:
        """Handle a box's answer to a command."""
        now_s = self._advance()
        self._evidence.add_answer(vehicle_id, now_s)
        command_id = result.command_id
        if command_id in self._open or not self._hold(command_id, vehicle_id, result, now_s):
            self._take_answer(vehicle_id, result, now_s)

    def _take_answer(self, vehicle_id: str, result: Result, now_s: float) -> None:
        attempt = self._open.get(result.command_id)
        if attempt is None:
            self._stray(vehicle_id, result, now_s, self._clock.unix_s())
        elif attempt.start.vehicle_id != vehicle_id:
            self._answered_by_another(attempt, vehicle_id)
        elif result.phase is Phase.RECEIVED:
            self._received(attempt, result, now_s)
        else:
            self._handle_answer(attempt, result, now_s)

    def flag(self, command_id: str, flag: Flag) -> None:
        """Note an oddity of an open attempt."""
        attempt = self._open.get(command_id)
        if attempt is not None:
            attempt.flag(flag)

    def provisional(self, result: ProvisionalResult) -> None:
        """Handle a status of a command that another may follow: it ends nothing."""
        self._advance()
        attempt = self._open.get(result.command_id)
        if attempt is not None:
            attempt.provisional_status = result.status

    def state(
        self, vehicle_id: str, state: VehicleState | PartialState, *, retained: bool = False
    ) -> None:
        """Handle a car's state. A retained one is older than every open attempt."""
        now_s = self._advance()
        names_command = self._wire.names_last_command
        was_open = not names_command and self._evidence.state_of(vehicle_id).is_locked is False
        self._evidence.state(vehicle_id, state, now_s, retained=retained)
        if retained or was_open or state.is_locked is not False:
            return
        moved_by = state.last_command_id
        if (
            moved_by is None
            or moved_by in self._open
            or not self._hold(moved_by, vehicle_id, state, now_s)
        ):
            self._take_open_lock(vehicle_id, state, now_s)

    def _take_open_lock(
        self, vehicle_id: str, state: VehicleState | PartialState, now_s: float
    ) -> None:
        moved_by = state.last_command_id
        if moved_by is not None:
            attempt = self._open.get(moved_by)
            if attempt is not None and attempt.start.vehicle_id != vehicle_id:
                self._answered_by_another(attempt, vehicle_id)
            elif attempt is not None:
                self._handle_opening(attempt, now_s)
            return
        for attempt in tuple(self._open_by_vehicle.get(vehicle_id, ())):
            has_it = Stage.BOX_RECEIVED in attempt.reached_s or attempt.result is not None
            if has_it or Phase.RECEIVED not in self._wire.phases:
                self._handle_opening(attempt, now_s)

    def _hold(
        self,
        command_id: str,
        vehicle_id: str,
        message: Result | VehicleState | PartialState,
        now_s: float,
    ) -> bool:
        """Hold an answer whose command may still be on its way to us; return whether it is held."""
        if not self._is_watching or self.knows(command_id):
            return False
        held = HeldAnswer(vehicle_id, message, now_s, self._clock.unix_s())
        is_held = self._held.add(command_id, held)
        if self.on_wait is not None:
            self.on_wait()
        return is_held

    def presence(self, vehicle_id: str, presence: Presence, *, retained: bool = False) -> None:
        """Handle a box's presence, or its last will."""
        self._evidence.presence(vehicle_id, presence, self._advance(), retained=retained)

    def telemetry(self, vehicle_id: str, telemetry: Telemetry | PartialTelemetry) -> None:
        """Handle a heartbeat."""
        self._evidence.telemetry(vehicle_id, telemetry, self._advance())

    def event(self, vehicle_id: str) -> None:
        """Handle a sign of life that shows nothing of an unlock."""
        self._evidence.add_answer(vehicle_id, self._advance())

    def unread(self, vehicle_id: str, kind: TopicKind) -> None:
        """Handle an unreadable message of a car: it may have been the answer."""
        now_s = self._advance()
        opened = self._open_by_vehicle.get(vehicle_id, ())
        for attempt in opened:
            attempt.count_unread(kind)
        if opened and kind is not TopicKind.PRESENCE:  # which may be its last will
            self._evidence.add_answer(vehicle_id, now_s)

    def removed(self, vehicle_id: str) -> None:
        """Forget what is known about a car: it was taken out of service."""
        self._advance()
        self._evidence.forget(vehicle_id)

    # Within

    def _pass_over(self, command_id: str, now_s: float) -> None:
        self._held.pop_answers(command_id)
        self._remembered.add_unfollowed(command_id, now_s)

    def _received(self, attempt: OpenAttempt, answer: Result, now_s: float) -> None:
        if Stage.BOX_RECEIVED in attempt.reached_s:
            attempt.flag(Flag.DUPLICATE)
            return
        if attempt.result is not None or Stage.STATE_CHANGED in attempt.reached_s:
            attempt.flag(Flag.OUT_OF_ORDER)
        attempt.reached_s[Stage.BOX_RECEIVED] = now_s
        attempt.confirmed_after_s = answer.since_received_s or 0.0

    def _handle_answer(self, attempt: OpenAttempt, answer: Result, now_s: float) -> None:
        if attempt.result is not None:
            # A box that got the command twice refuses the copy, before or after its answer.
            attempt.flag(Flag.DUPLICATE)
            if not attempt.is_of_copy:
                return
        attempt.result = answer
        attempt.reached_s[Stage.RESULT_RECEIVED] = now_s
        if attempt.is_of_copy:
            self._end_at(attempt, min(now_s + WORK_S, attempt.deadline_s))
        elif attempt.is_refused:
            self._end_refused(attempt)
        elif not self._reports_opening(attempt.start.vehicle_id):
            self._end_attempt(attempt, None, now_s)
        elif Stage.STATE_CHANGED in attempt.reached_s:
            attempt.flag(Flag.OUT_OF_ORDER)
            self._end_attempt(attempt, None, now_s)
        else:
            # A car that opened just in time may report it after the deadline.
            self._end_at(attempt, now_s + self._state_grace_s)

    def _end_at(self, attempt: OpenAttempt, at_s: float) -> None:
        attempt.deadline_s = at_s
        self._note_deadline(attempt)

    def _reports_opening(self, vehicle_id: str) -> bool:
        """Return whether the car will say that it is open: not one that has said it before.

        If the state names no command, a car that was open reports nothing new.
        """
        wire = self._wire
        if wire.names_last_command:
            return True
        return wire.reports_lock and self._evidence.state_of(vehicle_id).is_locked is not False

    @staticmethod
    def _answered_by_another(attempt: OpenAttempt, vehicle_id: str) -> None:
        """Note it. Anybody may claim an answer: against the car's own word it is nothing."""
        attempt.wrong_vehicle_id = vehicle_id
        attempt.flag(Flag.ANSWERED_BY_ANOTHER)

    def _handle_opening(self, attempt: OpenAttempt, now_s: float) -> None:
        if Stage.STATE_CHANGED in attempt.reached_s:
            return
        attempt.reached_s[Stage.STATE_CHANGED] = now_s
        if attempt.is_refused:  # a copy: the command itself has opened the car
            attempt.result = None
            del attempt.reached_s[Stage.RESULT_RECEIVED]
            attempt.flag(Flag.DUPLICATE)
        elif attempt.result is not None:
            self._end_attempt(attempt, None, now_s)
