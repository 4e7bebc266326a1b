"""Faults of the gateway: wrong answers, and missing ones."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from pydantic import Field

from fleet_sim.faults.drawing import Drawing
from fleet_sim.faults.registry import (
    FaultProcess,
    Injection,
    PlatformFault,
    TargetedPlatform,
    register,
)
from fleet_sim.platform.commands import PlatformCommand
from fleet_sim.platform.failpoints import ADMISSION, ANSWER, PATIENCE, PUBLISH, REACH, TOKEN
from fleet_sim.platform.operations import CHANGES, COMMANDS, Answer, Request
from fleet_wire.contract.problems import MAINTENANCE, VEHICLE_NOT_BOOKED, ProblemType
from fleet_wire.quantities import Share
from fleet_wire.randomness import RandomStream

BELIEVED_S = 5.0
"""Seconds after a wrong answer in which a phone may still attribute it to the car. It exceeds the
answer's slowest path to the phone (1.2 s, see `PhoneParameters.network`) [E]."""

ASKED_AGAIN_S = 35.0
"""So late may the app still ask again for what got no answer, and the car execute it: 30 s (see
`PhoneParameters.timeout_s`), and the ways [E]."""


def _as_if_done(answer: Answer) -> Answer:
    """Return an answer that says that the car has done what was asked for."""
    body = {**answer.body, "state": "executed", "is_final": True}
    return msgspec.structs.replace(answer, status=200, body=body, problem=None, location=None)


@register
class SilentSuccess(PlatformFault):
    """A check fails inside, the API says OK all the same, and nothing is sent."""

    name: ClassVar[str] = "silent_success"
    drawing: ClassVar[Drawing] = Drawing(ranges={"probability": (0.2, 0.6)})

    probability: Share = Field(
        0.05, description="chance for each unlock or lock that the check fails [E]"
    )

    def strike(
        self, platform: TargetedPlatform, injection: Injection, stream: RandomStream
    ) -> FaultProcess:
        """Turn requests away while the window is open, and say that all went well."""
        turned_away: set[Request] = set()

        def fail(problem: ProblemType | None, request: Request) -> ProblemType | None:
            fails = stream.uniform() < self.probability
            if problem is not None or not fails or request.operation not in COMMANDS:
                return problem
            turned_away.add(request)
            return VEHICLE_NOT_BOOKED

        def say_done(answer: Answer, request: Request) -> Answer:
            if request not in turned_away:
                return answer
            turned_away.discard(request)
            now_s = injection.env.now
            vehicle_id = request.vehicle_id or ""
            injection.hit(vehicle_id, ANSWER.name, during_s=(now_s, now_s + BELIEVED_S))
            body = {"vehicle_id": request.vehicle_id, "booking_id": request.booking_id}
            return _as_if_done(msgspec.structs.replace(answer, body=body))

        with platform.set_action(ADMISSION, fail), platform.set_action(ANSWER, say_done):
            yield injection.whole_window()


@register
class OkAtEnqueue(PlatformFault):
    """200 means that a row was inserted, and some rows are never taken out."""

    name: ClassVar[str] = "ok_at_enqueue"
    drawing: ClassVar[Drawing] = Drawing(ranges={"unsent": (0.1, 0.4)})

    unsent: Share = Field(0.05, description="share of commands that stay in the queue for ever [E]")

    def strike(
        self, platform: TargetedPlatform, injection: Injection, stream: RandomStream
    ) -> FaultProcess:
        """Answer at once while the window is open, and forget some commands."""

        def wait_not(_usual_s: float, _request: Request) -> float:
            return 0.0

        def say_done(answer: Answer, request: Request) -> Answer:
            is_queued = request.operation in COMMANDS and answer.is_ok
            return _as_if_done(answer) if is_queued else answer

        def forget(delay_s: float | None, _command: PlatformCommand) -> float | None:
            return None if stream.uniform() < self.unsent else delay_s

        with (
            platform.set_action(PATIENCE, wait_not),
            platform.set_action(ANSWER, say_done),
            platform.set_action(PUBLISH, forget),
        ):
            yield injection.whole_window()


@register
class AppGatewayOutage(PlatformFault):
    """Login or gateway are down, and the fleet is well."""

    name: ClassVar[str] = "app_gateway_outage"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"login_failures": (0.6, 1.0), "unreached": (0.0, 0.3)}
    )

    login_failures: Share = Field(
        1.0, description="share of requests whose token is good and not accepted [E]"
    )
    unreached: Share = Field(
        0.0, description="share of requests that do not get through at all [E]"
    )

    def strike(
        self, platform: TargetedPlatform, injection: Injection, stream: RandomStream
    ) -> FaultProcess:
        """Know nobody while the window is open, and be reached by fewer."""

        def know_nobody(account_id: str | None, _request: Request) -> str | None:
            return None if stream.uniform() < self.login_failures else account_id

        def be_reached(is_reached: bool, request: Request) -> bool:  # noqa: FBT001 - the failpoint's form
            is_lost = stream.uniform() < self.unreached
            if is_lost and request.vehicle_id is not None:
                now_s = injection.env.now
                during_s = now_s, now_s + ASKED_AGAIN_S
                injection.hit(request.vehicle_id, REACH.name, during_s=during_s)
            return is_reached and not is_lost

        with platform.set_action(REACH, be_reached), platform.set_action(TOKEN, know_nobody):
            yield injection.whole_window()


@register
class PlannedMaintenanceWindow(PlatformFault):
    """For the length of the window rentals can neither start nor end."""

    name: ClassVar[str] = "planned_maintenance_window"
    drawing: ClassVar[Drawing] = Drawing(
        variants=({}, {"only_commands": True}, {"says_when": False})
    )

    only_commands: bool = Field(
        default=False, description="cars can be booked meanwhile, and not be unlocked or locked"
    )
    says_when: bool = Field(
        default=True, description="the answer says in Retry-After when the maintenance ends"
    )

    def strike(
        self,
        platform: TargetedPlatform,
        injection: Injection,
        stream: RandomStream,  # noqa: ARG002 - nothing is drawn
    ) -> FaultProcess:
        """Turn away what would change something while the window is open: 20 min in the field."""
        struck = COMMANDS if self.only_commands else CHANGES

        ends_s = injection.env.now + injection.duration_s

        def turn_away(problem: ProblemType | None, request: Request) -> ProblemType | None:
            return MAINTENANCE if request.operation in struck else problem

        def say_when(answer: Answer, _request: Request) -> Answer:
            if answer.problem is not MAINTENANCE or not self.says_when:
                return answer
            left_s = ends_s - injection.env.now
            return msgspec.structs.replace(answer, retry_after_s=max(left_s, 0.0))

        with platform.set_action(ADMISSION, turn_away), platform.set_action(ANSWER, say_when):
            yield injection.whole_window()
