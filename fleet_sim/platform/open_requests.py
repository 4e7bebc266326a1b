"""A request under way, and the log of what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from fleet_sim.cars.failpoints import Culprit
from fleet_sim.platform.answers import within_trace
from fleet_sim.platform.commands import PlatformCommand
from fleet_sim.platform.operations import (
    CHANGES,
    ENDPOINTS,
    METHODS,
    Answer,
    Operation,
    Request,
    SupportCall,
)
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.trace_context import TraceContext

_SAID_OF: Final = {
    operation: (operation.value, ENDPOINTS[operation], METHODS[operation])
    for operation in Operation
}
"""The log fields of each operation: its name, its route and its method."""
_DIGEST_BYTES: Final = 16


class OpenRequest:
    """A request under way. Implements `operations.LocalPendingRequest`."""

    __slots__ = (
        "account_id",
        "began_s",
        "command",
        "distance_m",
        "is_answered",
        "key",
        "log",
        "on_answer",
        "parent",
        "request",
        "request_id",
        "slowed_by",
        "vehicle_id",
    )  # fmt: skip

    def __init__(
        self,
        request: Request,
        on_answer: Callable[[Answer], None],
        *,
        request_id: str,
        parent: TraceContext,
        began_s: float,
    ) -> None:
        self.request = request
        self.began_s = began_s
        self.request_id = request_id
        self.parent = parent
        """Trace, and the platform's own span in it."""
        self.on_answer: Callable[[Answer], None] | None = on_answer
        """None: nobody waits for the answer any more."""
        self.log: PlatformLog | None = None
        """None: the platform has not heard of it."""
        self.is_answered = False
        self.account_id: str | None = None
        """None until its token is known to be good."""
        self.vehicle_id = request.vehicle_id
        self.distance_m = request.distance_m
        """The phone's distance from the car's known position, metres; None: the app does not
        say."""
        self.key: tuple[str, str] | None = None
        """Account and idempotency key, where later requests may ask for the same."""
        self.command: PlatformCommand | None = None
        self.slowed_by: list[Culprit] = []
        """The faults that slow the database down."""

    def hang_up(self) -> bool:
        """Handle that nobody waits for the answer any more; see `PendingRequest`."""
        is_left = self.on_answer is not None and not self.is_answered
        self.on_answer = None
        if self.log is None or not is_left:
            return False
        self.log.of_request(PlatformStep.HUNG_UP, self)
        return True

    def answer_now(self, answer: Answer) -> None:
        """Answer who still waits at once with something else."""
        if self.on_answer is not None:
            self.give(answer)

    def give(self, answer: Answer) -> None:
        """Give the answer to who waits for it, and log it, also where nobody does any more."""
        on_answer, self.on_answer = self.on_answer, None
        if self.log is not None:
            step = PlatformStep.UNHEARD if on_answer is None else PlatformStep.ANSWERED
            self.log.of_request(step, self, answer)
        if on_answer is not None:
            on_answer(within_trace(answer, self.parent.trace_id))


class PlatformLog:
    """Says what happens to requests and commands, as `fleet_wire.contract.platform_log` has it."""

    def __init__(
        self, write: Callable[[PlatformEvent], None], *, release: str, unix_s: Callable[[], float]
    ) -> None:
        self._write = write
        self._release = release
        self._unix_s = unix_s

    def of_request(
        self, step: PlatformStep, asked: OpenRequest, answer: Answer | None = None
    ) -> None:
        """Write a line about a request."""
        request, command = asked.request, asked.command
        operation, endpoint, method = _SAID_OF[request.operation]
        problem = None if answer is None else answer.problem
        self._write(
            PlatformEvent(  # four by place: with so many names Python makes a dict of them first
                step,
                self._unix_s(),
                asked.request_id,
                operation,
                trace_id=asked.parent.trace_id,
                vehicle_id=asked.vehicle_id,
                booking_id=request.booking_id or _made_booking(answer),
                account_id=asked.account_id,
                command_id=command.wire_id if command is not None else request.command_id,
                key_digest=_key_digest(request),
                endpoint=endpoint,
                method=method,
                status=None if answer is None else answer.status,
                problem=None if problem is None else problem.slug,
                reason=None if answer is None else answer.reason,
                distance_m=None if answer is None else asked.distance_m,
                position=request.position,
                app_version=request.app_version,
                api_release=self._release,
            )
        )

    def of_command(
        self, step: PlatformStep, command: PlatformCommand, *, at: float | None = None
    ) -> None:
        """Write a line about a command, at a time of the platform's clock; None: now."""
        booking = command.booking
        is_end = step is PlatformStep.ENDED
        self._write(
            PlatformEvent(
                step,
                self._unix_s() if at is None else at,
                command.request_id,
                str(command.action),
                command.parent.trace_id,
                booking.vehicle_id,
                booking.booking_id or None,
                booking.account_id,
                command.wire_id,
                outcome=str(command.state) if is_end else None,
                reason=command.reason if is_end else None,
                api_release=self._release,
            )
        )

    def of_call(self, call: SupportCall, ticket_id: str) -> None:
        """Write a line about a customer's call to support."""
        self._write(
            PlatformEvent(
                event=PlatformStep.SUPPORT_CALLED,
                at=self._unix_s(),
                request_id=ticket_id,
                operation="support_call",
                vehicle_id=call.vehicle_id,
                booking_id=call.booking_id,
                account_id=call.account_id,
                shown=call.shown,
                app_version=call.app_version,
                api_release=self._release,
            )
        )


def _made_booking(answer: Answer | None) -> str | None:
    """Return the booking that an answer tells of."""
    if answer is None or answer.problem is not None:
        return None
    booking_id = answer.body.get("booking_id")
    return booking_id if isinstance(booking_id, str) and booking_id else None


def _key_digest(request: Request) -> str | None:
    """Return what requests of one customer with one key have in common, and no others."""
    if request.idempotency_key is None or request.operation not in CHANGES:
        return None
    whose = f"{request.token}/{request.idempotency_key}".encode()
    return blake2b(whose, digest_size=_DIGEST_BYTES).hexdigest()
