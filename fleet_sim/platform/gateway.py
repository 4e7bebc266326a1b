"""The gateway: takes a phone's request, sees who asks and how often, and answers.

It runs in an environment of SimPy and cannot tell whether that follows the clock. In a live run
whatever comes from outside enters by `with driver.present():`, as for the cars.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from fleet_sim.cars.failpoints import Culprit, Failpoint
from fleet_sim.cars.world import World
from fleet_sim.platform import answers
from fleet_sim.platform.bookings import Booking, Bookings
from fleet_sim.platform.command_service import CommandService
from fleet_sim.platform.commands import PlatformCommand
from fleet_sim.platform.failpoints import (
    ADMISSION,
    ANSWER,
    CLOCKS_S,
    DISTANCE,
    LOOKUP,
    PATIENCE,
    REACH,
    SYNC,
    TAKEN,
    TOKEN,
    ContextT,
    PlatformFailpoints,
    ValueT,
)
from fleet_sim.platform.identifiers import Identifiers
from fleet_sim.platform.open_requests import OpenRequest, PlatformLog
from fleet_sim.platform.operations import CHANGES, Answer, Operation, Request, SupportCall
from fleet_sim.platform.parameters import PlatformParameters
from fleet_sim.platform.rate_limits import RateLimiter
from fleet_sim.platform.repeats import Repeats
from fleet_sim.platform.tokens import account_of, token_of
from fleet_wire.contract import problems
from fleet_wire.contract.messages import Action
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep

CLIENT_ID = "platform"
SUPPORTS_S = 3600.0
"""Longer than any command of support's lives."""
END_WAIT_S = 20.0
"""Longest wait of a request that ends a booking for the commands before it; phones wait longer."""
_ACTIONS = {Operation.UNLOCK: Action.UNLOCK, Operation.LOCK: Action.LOCK}


class EmulatedPlatform:
    """Gateway, bookings and command service. Implements `fleet_sim.platform.operations.Platform`.

    `world.link_factory` makes its link to the broker (see `connection.PLATFORM_LINK_LIMITS`).
    `vehicle_ids` are the cars that it knows, `write` takes each event of its structured log. With
    one `client_id` the broker lets one platform be connected: the others are thrown out.
    """

    def __init__(
        self,
        world: World,
        parameters: PlatformParameters,
        *,
        vehicle_ids: Container[str],
        write: Callable[[PlatformEvent], None],
        client_id: str = CLIENT_ID,
        log_type: type[PlatformLog] = PlatformLog,
    ) -> None:
        self._world = world
        self._parameters = parameters
        self._vehicle_ids = vehicle_ids
        self._stream = world.stream(f"{client_id}/latency")
        self._clock_error_s = parameters.clock_error.sample_s(world.stream(f"{client_id}/clock"))
        self._identifiers = Identifiers(
            f"{client_id}/{world.seed}/{world.epoch_unix_s}", has_traces=world.has_traces
        )
        self._tickets = Identifiers(f"{client_id}/{world.seed}/{world.epoch_unix_s}/tickets")
        self._bookings = Bookings(
            max_booking_s=parameters.max_booking_s, remember_s=parameters.remember_s
        )
        self._repeats = Repeats(remember_s=parameters.remember_s)
        self._of_customer = RateLimiter(parameters.customer_rate)
        self._of_vehicle = RateLimiter(parameters.vehicle_rate)
        env = world.env
        self._failpoints = PlatformFailpoints(lambda: env.now)
        self._log = log_type(write, release=parameters.release, unix_s=self.unix_s)
        self.service = CommandService(
            world,
            parameters,
            client_id=client_id,
            failpoints=self._failpoints,
            log=self._log,
            identifiers=self._identifiers,
            unix_s=self.unix_s,
        )
        self._serve = {
            Operation.BOOK: self._book,
            Operation.EXTEND: self._extend,
            Operation.END: self._end_booking,
            Operation.UNLOCK: self._command,
            Operation.LOCK: self._command,
            Operation.VEHICLE_STATE: self._vehicle_state,
            Operation.COMMAND_STATUS: self._command_status,
        }

    @property
    def shared_group(self) -> str | None:
        """Return the group by which several of its kind share the cars' answers; None: none do."""
        return self._parameters.shared_group

    @property
    def gives_up_after_s(self) -> float:
        """Return for how long a command without an answer keeps others from its car, at most."""
        return self._parameters.command_ttl_s + self._parameters.answer_grace_s

    def configure(self, changes: Mapping[str, object]) -> None:
        """Change parameters by name, for what comes from now on.

        Those that are read only once, when a platform is made, do not change.
        """
        self._parameters = self._parameters.model_copy(update=dict(changes))
        self.service.parameters = self._parameters

    def start(self) -> None:
        """Connect to the broker."""
        self.service.connection.connect()

    def close(self) -> None:
        """Disconnect from the broker."""
        self.service.connection.leave()

    def unix_s(self) -> float:
        """Return what the platform's clock shows."""
        return self._world.unix_s_at(self._world.env.now) + self._clock_error_s

    def token_of(self, account_id: str) -> str:
        """Return the bearer token of a customer."""
        return token_of(self._world.fleet_secret, account_id)

    def set_action(
        self,
        failpoint: Failpoint[ValueT, ContextT],
        action: Callable[[ValueT, ContextT], ValueT],
        *,
        by: Culprit,
    ) -> AbstractContextManager[None]:
        """Return a context in which `action` decides what happens at `failpoint`."""
        return self._failpoints.in_force(failpoint, action, by)

    def ask(self, request: Request, on_answer: Callable[[Answer], None]) -> OpenRequest:
        """Handle a request; call `on_answer` once, now or later, unless the asker hangs up."""
        asked = OpenRequest(
            request,
            on_answer,
            request_id=self._identifiers.new(),
            parent=self._identifiers.span(request.traceparent),
            began_s=self._world.env.now,
        )
        if not self._at(asked, REACH, usual=True):
            return asked
        asked.log = self._log
        self._log.of_request(PlatformStep.REQUESTED, asked)
        processing_s = self._parameters.processing.sample_s(self._stream)
        self._world.later(processing_s, self._guarded, asked, self._admit)
        return asked

    def enter_booking(self, account_id: str, vehicle_id: str, lasts_s: float) -> str:
        """Book a car from now on for a customer who came before the run; return the booking's id.

        No fault prevents it. A car that is booked already has no other booking.
        """
        now = self.unix_s()
        booking_id = self._identifiers.new()
        booking = Booking(
            booking_id=booking_id,
            account_id=account_id,
            vehicle_id=vehicle_id,
            starts_at=now,
            ends_at=now + lasts_s,
            made_at=now,
        )
        self._bookings.book(booking, now)
        return booking_id

    def handle_call(self, call: SupportCall) -> None:
        """Handle a customer's call to support: the helpdesk writes a ticket."""
        self._log.of_call(call, self._tickets.new())

    def _guarded(self, asked: OpenRequest, step: Callable[[OpenRequest], None]) -> None:
        """Run a step of a request; a defect of ours is answered as what it is."""
        try:
            step(asked)
        except Exception as error:  # noqa: BLE001 - any defect of the model
            self._world.defects.note(error)
            self._answer(asked, answers.of_problem(problems.INTERNAL_ERROR))

    # Authentication and rate limits

    def _admit(self, asked: OpenRequest) -> None:
        request = asked.request
        if turned_away := self._at(asked, ADMISSION, usual=None):
            self._answer(asked, answers.of_problem(turned_away))
            return
        account_id = account_of(self._world.fleet_secret, request.token)
        account_id = self._at(asked, TOKEN, usual=account_id)
        if account_id is None:
            self._answer(asked, answers.of_problem(problems.UNAUTHENTICATED))
            return
        asked.account_id = account_id
        now_s = self._world.env.now
        wait_s = self._of_customer.wait_s(account_id, now_s)
        if wait_s:
            self._answer(asked, answers.too_many(wait_s))
        elif request.idempotency_key is not None and request.operation in CHANGES:
            self._handle_repeat(asked, (account_id, request.idempotency_key), now_s)
        else:
            self._look_up(asked)

    def _at(
        self, asked: OpenRequest, failpoint: Failpoint[ValueT, Request], *, usual: ValueT
    ) -> ValueT:
        """Return what happens to a request where the usual would."""
        if failpoint not in self._failpoints.armed:
            return usual
        command = asked.command
        return self._failpoints.at(
            failpoint,
            asked.request,
            usual=usual,
            vehicle_id=asked.vehicle_id,
            command_id=None if command is None else command.wire_id,
        )

    def _handle_repeat(self, asked: OpenRequest, key: tuple[str, str], now_s: float) -> None:
        is_first, answer = self._repeats.register(asked, key, now_s)
        if is_first:
            self._look_up(asked)
        elif asked.command is not None:
            self._answer_about(asked, asked.command)
        elif answer is not None:
            self._answer(asked, answer)

    def _look_up(self, asked: OpenRequest) -> None:
        """Ask the database, then do what is asked for."""
        request = asked.request
        usual_s = self._parameters.lookup.sample_s(self._stream)
        # A fault that slows it down hits the resulting command, if there is one.
        lookup_s, asked.slowed_by = self._failpoints.fold(LOOKUP, request, usual=usual_s)
        self._world.later(lookup_s, self._guarded, asked, self._serve[request.operation])

    # What is asked for

    def _book(self, asked: OpenRequest) -> None:
        request, now = asked.request, self.unix_s()
        account_id, vehicle_id = asked.account_id, request.vehicle_id
        if vehicle_id is None or request.ends_at is None or account_id is None:
            self._answer(asked, answers.of_problem(problems.INVALID_REQUEST))
        elif vehicle_id not in self._vehicle_ids:
            self._answer(asked, answers.of_problem(problems.VEHICLE_UNKNOWN))
        else:
            booking = Booking(
                booking_id=self._identifiers.new(),
                account_id=account_id,
                vehicle_id=vehicle_id,
                starts_at=now if request.starts_at is None else request.starts_at,
                ends_at=request.ends_at,
                made_at=now,
            )
            problem = self._bookings.book(booking, now, in_spite_of=self._missed(asked, booking))
            made = answers.of_problem(problem) if problem else answers.made_booking(booking, now)
            self._answer(asked, made)

    def _missed(self, asked: OpenRequest, booking: Booking) -> Booking | None:
        """Return the booking of the same car that is not seen: sound bookings miss none."""
        taken = self._bookings.taken_by(booking.vehicle_id, booking.starts_at, booking.ends_at)
        if taken is None:
            return None
        usual_s: float | None = booking.made_at - taken.made_at
        ago_s, culprits = self._failpoints.fold(TAKEN, asked.request, usual=usual_s)
        if ago_s is not None:
            return None
        self._blame(culprits, TAKEN, asked)
        booking.let_in_by = taken.let_in_by = culprits
        return taken

    def _blame(
        self, culprits: Sequence[Culprit], failpoint: Failpoint[Any, Request], asked: OpenRequest
    ) -> None:
        """Report a hit to the faults that changed a request without a command."""
        if asked.vehicle_id is not None:
            during_s = asked.began_s - CLOCKS_S, self._world.env.now + CLOCKS_S
            for culprit in culprits:
                culprit.hit(asked.vehicle_id, failpoint.name, during_s=during_s)

    def _extend(self, asked: OpenRequest) -> None:
        booking, now, ends_at = self._own_booking(asked), self.unix_s(), asked.request.ends_at
        if booking is None:
            return
        if ends_at is None:
            problem: problems.ProblemType | None = problems.INVALID_REQUEST
        else:
            problem = self._bookings.extend(booking, ends_at, now)
        self._answer(
            asked, answers.of_problem(problem) if problem else answers.of_booking(booking, now)
        )

    def _end_booking(self, asked: OpenRequest) -> None:
        """End a booking, when no command can move its car any more.

        A customer who would wait too long is told to ask again; the booking ends all the same.
        """
        booking = self._own_booking(asked)
        if booking is not None:
            busy = answers.of_problem(problems.VEHICLE_BUSY)
            self._world.later(END_WAIT_S, self._answer, asked, busy)
            self.service.when_idle(
                booking.vehicle_id,
                partial(self._guarded, asked, partial(self._answer_ended, booking)),
            )

    def _answer_ended(self, booking: Booking, asked: OpenRequest) -> None:
        now = self.unix_s()
        self._bookings.end_early(booking, now)
        self._answer(asked, answers.of_booking(booking, now))

    def _own_booking(self, asked: OpenRequest) -> Booking | None:
        """Return the booking that a customer names; where it is not theirs, answer that."""
        found = self._bookings.find(asked.request.booking_id, asked.account_id or "")
        if isinstance(found, Booking):
            asked.vehicle_id = found.vehicle_id
            return found
        self._answer(asked, answers.of_problem(found))
        return None

    def _command(self, asked: OpenRequest) -> None:
        """Unlock or lock, if the customer's booking allows it now."""
        request, service = asked.request, self.service
        vehicle_id = request.vehicle_id
        if vehicle_id is not None and vehicle_id not in self._vehicle_ids:
            self._answer(asked, answers.of_problem(problems.VEHICLE_UNKNOWN))
            return
        now = self.unix_s()
        booking = self._booking_for(asked, now)
        if isinstance(booking, Booking):
            booking = self._as_copied(asked, booking, now)
        if not isinstance(booking, Booking):
            self._answer(asked, answers.of_problem(booking))
            return
        asked.vehicle_id = booking.vehicle_id
        if self._is_too_far(asked):
            self._answer(asked, answers.of_problem(problems.VEHICLE_TOO_FAR))
        elif wait_s := self._of_vehicle.wait_s(booking.vehicle_id, self._world.env.now):
            self._answer(asked, answers.too_many(wait_s))
        elif self._takes_for_offline(booking.vehicle_id):
            self._answer(asked, answers.of_problem(problems.VEHICLE_UNREACHABLE))
        elif service.connection.open_link is None:
            self._answer(asked, answers.of_problem(problems.BROKER_UNAVAILABLE))
        elif service.open >= self._parameters.max_open_commands:
            self._answer(asked, answers.of_problem(problems.OVERLOADED))
        else:
            self._send(asked, booking, now)

    def _as_copied(
        self, asked: OpenRequest, booking: Booking, now: float
    ) -> Booking | problems.ProblemType:
        """Return a booking as the synchronised copy has it, or the problem that the copy causes."""
        if SYNC not in self._failpoints.armed:
            return booking
        lag_s, culprits = self._failpoints.fold(SYNC, asked.request, usual=0.0)
        problem = booking.objection(now, as_of=now - lag_s) if lag_s > 0 else None
        if problem is not None:
            self._blame(culprits, SYNC, asked)
        return problem or booking

    def _booking_for(self, asked: OpenRequest, now: float) -> Booking | problems.ProblemType:
        """Return the booking that allows a request to move a lock now, or why there is none.

        Support needs none: it is as if it had one for just this command.
        """
        request, account_id = asked.request, asked.account_id or ""
        if account_id in self._parameters.operators and request.vehicle_id is not None:
            return Booking(
                booking_id="",
                account_id=account_id,
                vehicle_id=request.vehicle_id,
                starts_at=now,
                ends_at=now + SUPPORTS_S,
            )
        return self._bookings.in_use(
            request.booking_id, account_id, vehicle_id=request.vehicle_id, now=now
        )

    def _is_too_far(self, asked: OpenRequest) -> bool:
        """Return whether the phone is too far from where the car is known to be."""
        usual_m = asked.request.distance_m
        asked.distance_m, changed_by = self._failpoints.fold(DISTANCE, asked.request, usual=usual_m)
        for culprit in changed_by:
            during_s = asked.began_s, self._world.env.now
            culprit.hit(asked.vehicle_id or "", DISTANCE.name, during_s=during_s)
        most_m = self._parameters.max_distance_m
        return most_m is not None and (asked.distance_m or 0.0) > most_m

    def _takes_for_offline(self, vehicle_id: str) -> bool:
        """Return whether a car is not even asked, because its presence says that it is offline."""
        refuses = self._parameters.refuses_offline
        return refuses and self.service.record_of(vehicle_id).presence == "offline"

    def _send(self, asked: OpenRequest, booking: Booking, now: float) -> None:
        command = asked.command = self.service.send(
            _ACTIONS[asked.request.operation], booking, asked, now=now
        )
        repeats = self._repeats.commanded(asked)
        for culprit in asked.slowed_by:
            culprit.hit(booking.vehicle_id, LOOKUP.name, command_id=command.wire_id)
        for culprit in booking.let_in_by:
            culprit.hit(booking.vehicle_id, TAKEN.name, command_id=command.wire_id)
        self._answer_about(asked, command)
        for repeat in repeats:
            self._answer_about(repeat, command)

    def _answer_about(self, asked: OpenRequest, command: PlatformCommand) -> None:
        """Answer with what becomes of a command, when it is known or the request waits no more."""
        usual_s = min(asked.request.wait_s, self._parameters.max_wait_s)
        wait_s = self._at(asked, PATIENCE, usual=usual_s)
        if command.is_final:
            self._answer(asked, answers.of_command_end(command))
        elif wait_s > 0:
            told = partial(self._guarded, asked, self._command_ended)
            command.waiting = [*command.waiting, told]
            self._world.later(wait_s, self._waited_enough, asked, command)
        else:
            self._answer(asked, answers.of_command_under_way(command))

    def _command_ended(self, asked: OpenRequest) -> None:
        if asked.command is not None and not asked.is_answered:
            self._answer(asked, answers.of_command_end(asked.command))

    def _waited_enough(self, asked: OpenRequest, command: PlatformCommand) -> None:
        if not asked.is_answered:
            self._answer(asked, answers.of_command_under_way(command))

    def _vehicle_state(self, asked: OpenRequest) -> None:
        vehicle_id = asked.request.vehicle_id
        if vehicle_id is None or vehicle_id not in self._vehicle_ids:
            self._answer(asked, answers.of_problem(problems.VEHICLE_UNKNOWN))
        elif not self._bookings.has(asked.account_id or "", vehicle_id, self.unix_s()):
            self._answer(asked, answers.of_problem(problems.VEHICLE_WITHOUT_BOOKING))
        else:
            body = self.service.record_of(vehicle_id).body(vehicle_id)
            self._answer(asked, Answer(status=200, body=body))

    def _command_status(self, asked: OpenRequest) -> None:
        command = self.service.commands.get(asked.request.command_id)
        if command is None or command.booking.account_id != asked.account_id:
            self._answer(asked, answers.of_problem(problems.COMMAND_UNKNOWN))
        else:
            asked.vehicle_id = command.vehicle_id
            self._answer(asked, answers.of_command_status(command))

    # The answer

    def _answer(self, asked: OpenRequest, answer: Answer) -> None:
        """Answer a request, and those that have asked for the same with its key."""
        if asked.is_answered:
            return
        asked.is_answered = True
        if asked.command is None:
            self._blame(asked.slowed_by, LOOKUP, asked)
        repeats = self._repeats.store_answer(asked, answer)
        asked.give(self._at(asked, ANSWER, usual=answer))
        for repeat in repeats:
            self._answer(repeat, answer)
