"""Faults of the platform between phones and the broker."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from fleet_sim.cars.distributions import Delay, LogNormal
from fleet_sim.faults.drawing import Drawing
from fleet_sim.faults.registry import (
    FaultProcess,
    Injection,
    PlatformFault,
    TargetedPlatform,
    register,
)
from fleet_sim.platform import answers
from fleet_sim.platform.failpoints import ANSWER, LOOKUP
from fleet_sim.platform.operations import Answer, Request
from fleet_wire.contract.problems import INTERNAL_ERROR
from fleet_wire.modes.mode import Layer
from fleet_wire.quantities import Share
from fleet_wire.randomness import RandomStream


@register
class Generic500(PlatformFault):
    """The explicit class of an error is lost, and everything is a 500."""

    name: ClassVar[str] = "generic_500"
    drawing: ClassVar[Drawing] = Drawing(ranges={"successes": (0.2, 0.8)})

    successes: Share = Field(
        0.3, description="share of requests that went well and are answered 500 all the same [E]",
    )  # fmt: skip

    def strike(
        self, platform: TargetedPlatform, injection: Injection, stream: RandomStream
    ) -> FaultProcess:
        """Flatten answers while the window is open; what was done for them stays done."""

        def flatten(answer: Answer, _request: Request) -> Answer:
            is_lost = stream.uniform() < self.successes
            if answer.problem is None and not is_lost:
                return answer
            return answers.of_problem(INTERNAL_ERROR)

        with platform.set_action(ANSWER, flatten):
            yield injection.whole_window()


@register
class SlowDatabase(PlatformFault):
    """The database behind bookings takes seconds: a lock, a missing index, a full disk."""

    name: ClassVar[str] = "slow_database"
    layer: ClassVar[Layer] = Layer.BOOKING
    summary: ClassVar[str] = "the database takes seconds to say whether a customer has a booking"

    lookup: Delay = Field(
        LogNormal(median_s=4.0, sigma=0.5),
        description="how long the database takes for a request [E]",
    )

    def strike(
        self, platform: TargetedPlatform, injection: Injection, stream: RandomStream
    ) -> FaultProcess:
        """Delay each database read by this long while the window is open."""

        def take_long(_usual_s: float, _request: Request) -> float:
            return self.lookup.sample_s(stream)

        with platform.set_action(LOOKUP, take_long):
            yield injection.whole_window()
