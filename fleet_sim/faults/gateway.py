"""Faults of the gateway: wrong answers, and missing ones."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from pydantic import Field

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
from fleet_wire.modes.mode import Layer
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
    """Catalogue 43: a check fails inside, the API says OK all the same, and nothing is sent."""

    name: ClassVar[str] = "silent_success"
    number: ClassVar[int | None] = 43
    layer: ClassVar[Layer] = Layer.GATEWAY
    summary: ClassVar[str] = "a check fails inside, the API answers 200, and no command is made"
    seen: ClassVar[str] = "not_published: a 200, and no command"
    customer: ClassVar[str] = "The app says open at once, and nothing happens at the car."
    support: ClassVar[str] = "The request was answered with 200, and there is no command for it."
    evidence: ClassVar[tuple[str, ...]] = (
        "WaiveCar car-service.js:1647: the permission check returns, and the API says OK",
    )

    probability: float = Field(
        0.05, ge=0, le=1, description="chance for each unlock or lock that the check fails [E]"
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
    """Catalogue 44: 200 means that a row was inserted, and some rows are never taken out."""

    name: ClassVar[str] = "ok_at_enqueue"
    number: ClassVar[int | None] = 44
    layer: ClassVar[Layer] = Layer.GATEWAY
    summary: ClassVar[str] = "the API answers 200 when a command is queued, and some are never sent"
    seen: ClassVar[str] = (
        "not_published where nothing was sent; else ok, and answered before it was"
    )
    customer: ClassVar[str] = (
        "The app says open before the car can have, and sometimes it never is."
    )
    support: ClassVar[str] = (
        "Requests are answered with 200 before their command is published, if it ever is."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "CUP-api (Share'ngo): 200 for a row in a table",
        "CUP-push-service: warned after 30 s not sent, 20 to 90 s without a result",
    )

    unsent: float = Field(
        0.05, ge=0, le=1, description="share of commands that stay in the queue for ever [E]"
    )

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
    """Catalogue 45: login or gateway are down, and the fleet is well."""

    name: ClassVar[str] = "app_gateway_outage"
    number: ClassVar[int | None] = 45
    layer: ClassVar[Layer] = Layer.GATEWAY
    summary: ClassVar[str] = "login fails or the gateway is not reached, while all cars are well"
    seen: ClassVar[str] = "api_refused with `unauthenticated`, fewer requests, and no car unwell"
    customer: ClassVar[str] = "The app signs me out, or says that there is no connection."
    support: ClassVar[str] = (
        "Requests end with `unauthenticated`, or never come; unlocks by other ways go well."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "Zipcar, Black Friday 2024-11-29 (404media): login by SMS congested",
        "Tesla, 2021-11-19 (The Guardian): app servers down",
    )

    login_failures: float = Field(
        1.0, ge=0, le=1, description="share of requests whose token is good and not accepted [E]"
    )
    unreached: float = Field(
        0.0, ge=0, le=1, description="share of requests that do not get through at all [E]"
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
    """Catalogue 46: for the length of the window rentals can neither start nor end."""

    name: ClassVar[str] = "planned_maintenance_window"
    number: ClassVar[int | None] = 46
    layer: ClassVar[Layer] = Layer.GATEWAY
    summary: ClassVar[str] = (
        "the platform is down for maintenance: rentals can neither start nor end"
    )
    seen: ClassVar[str] = "api_failed with `maintenance`, all at once from a minute to a minute"
    customer: ClassVar[str] = "The app says that there is maintenance, and to come back later."
    support: ClassVar[str] = "Every request that changes something is answered with `maintenance`."
    evidence: ClassVar[tuple[str, ...]] = (
        "Communauto notice (campaign-archive): 20 minutes without start and end",
        "RFC 9110, section 15.6.4: a 503 may say in Retry-After when to come back",
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
