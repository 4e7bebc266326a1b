"""Where the behaviour of the platform may bend; `fleet_sim.cars.joints` says what a joint is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fleet_sim.cars.joints import InForce, Joint
from fleet_sim.platform.operations import Answer, Request
from fleet_wire.contract.messages import Command
from fleet_wire.contract.problems import ProblemType

ValueT = TypeVar("ValueT")
ContextT = TypeVar("ContextT")

TOKEN: Joint[str | None, Request] = Joint("token")
"""Whose token a request has; None: nobody's."""
ADMISSION: Joint[ProblemType | None, Request] = Joint("admission")
"""Why a request is turned away before anything is looked at; None: it is not."""
DISTANCE: Joint[float | None, Request] = Joint("distance")
"""How far the platform takes the phone to be from the car, metres; None: it does not know."""
LOOKUP: Joint[float, Request] = Joint("lookup")
"""How long the database takes for a request, seconds."""
WAKE: Joint[bool, Command] = Joint("wake")
"""Whether the platform takes the car for asleep, and wakes it before it publishes."""
PUBLISH: Joint[float | None, Command] = Joint("publish")
"""How much later than usual a command is published, seconds; None: never, and nobody notices."""
RETRY: Joint[float | None, Command] = Joint("retry")
"""After how many seconds without an answer a command is published again; None: it is not."""
ANSWER: Joint[Answer, Request] = Joint("answer")
"""What a request is answered."""


class PlatformBends(InForce):
    """The bends in force on the platform. Without any each joint costs one look into a dict."""

    __slots__ = ("_now_s",)

    def __init__(self, now_s: Callable[[], float]) -> None:
        super().__init__()
        self._now_s = now_s

    def at(
        self,
        joint: Joint[ValueT, ContextT],
        context: ContextT,
        *,
        usual: ValueT,
        vehicle_id: str | None,
        command_id: str | None = None,
    ) -> ValueT:
        """Return what happens where the usual would, and tell those who changed it.

        Where there is no command yet, the hit is on what is under way for the car; without a car it
        is on nothing that could be named.
        """
        if joint not in self._by_joint:
            return usual
        value, changed_by = self.fold(joint, context, usual=usual)
        now_s = self._now_s()
        for culprit in changed_by:
            if command_id is not None:
                culprit.hit(vehicle_id or "", joint.name, command_id=command_id)
            elif vehicle_id is not None:
                culprit.hit(vehicle_id, joint.name, during_s=(now_s, now_s))
        return value
