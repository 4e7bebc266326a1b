"""Answers to requests: bodies, statuses, and the problem for each cause."""

from __future__ import annotations

from typing import Final

import msgspec

from fleet_sim.platform.bookings import Booking
from fleet_sim.platform.commands import CommandState, NotPublished, PlatformCommand
from fleet_sim.platform.operations import ENDPOINTS, Answer, Operation
from fleet_wire.contract import problems
from fleet_wire.contract.problems import ProblemType
from fleet_wire.contract.refusals import refused_because

_WHY_NOT_PUBLISHED = {
    NotPublished.BOOKING_ENDED: problems.BOOKING_ENDED,
    NotPublished.ASLEEP: problems.VEHICLE_UNREACHABLE,
    NotPublished.WAITED_TOO_LONG: problems.VEHICLE_BUSY,
    NotPublished.NO_CONNECTION: problems.BROKER_UNAVAILABLE,
    NotPublished.DENIED: problems.BROKER_UNAVAILABLE,
    NotPublished.NO_SUBSCRIBER: problems.VEHICLE_UNREACHABLE,
}

_STATUS_PATH: Final = ENDPOINTS[Operation.COMMAND_STATUS].removesuffix("{command_id}")
"""The path of a command's status, in front of its id."""


def of_problem(problem: ProblemType) -> Answer:
    """Return the answer that a problem is."""
    return Answer(status=problem.status, body=problem.body(), problem=problem)


def within_trace(answer: Answer, trace_id: str) -> Answer:
    """Return an answer that names its trace where it is a problem: support looks it up by that."""
    if answer.problem is None:
        return answer
    return msgspec.structs.replace(answer, body={**answer.body, "trace_id": trace_id})


def too_many(retry_after_s: float) -> Answer:
    """Return the answer to who asks too often."""
    problem = problems.TOO_MANY_REQUESTS
    return Answer(
        status=problem.status, body=problem.body(), problem=problem, retry_after_s=retry_after_s
    )


def made_booking(booking: Booking, now: float) -> Answer:
    """Return the answer to a booking that was made."""
    location = ENDPOINTS[Operation.EXTEND].format(booking_id=booking.booking_id)
    return Answer(status=201, body=booking.body(now), location=location)


def of_booking(booking: Booking, now: float) -> Answer:
    """Return the answer to a booking that was changed."""
    return Answer(status=200, body=booking.body(now))


def of_command_under_way(command: PlatformCommand) -> Answer:
    """Return the answer that says where the command's status is found."""
    location = _STATUS_PATH + command.command_id
    return Answer(status=202, body=command.body(), location=location)


def of_command_status(command: PlatformCommand) -> Answer:
    """Return the answer to who asks how far a command is."""
    return Answer(status=200, body=command.body())


def of_command_end(command: PlatformCommand) -> Answer:
    """Return the answer to a request that has waited for a command's end."""
    if command.state is CommandState.EXECUTED:
        return of_command_status(command)
    problem = _problem_of(command)
    return Answer(status=problem.status, body=problem.body(**command.body()), problem=problem)


def _problem_of(command: PlatformCommand) -> ProblemType:
    if command.state is CommandState.REFUSED:
        return refused_because(command.reason)
    if command.why_not_published is not None:
        return _WHY_NOT_PUBLISHED[command.why_not_published]
    return problems.VEHICLE_SILENT
