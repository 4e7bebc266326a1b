"""Failpoints of the platform; `fleet_sim.cars.joints` explains failpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fleet_sim.cars.joints import InForce, Joint
from fleet_sim.platform.commands import PlatformCommand
from fleet_sim.platform.operations import Answer, Request
from fleet_wire.contract.problems import ProblemType

ValueT = TypeVar("ValueT")
ContextT = TypeVar("ContextT")

CLOCKS_S = 0.1
"""Uncertainty of the offset between the clocks [E]. An unlock that only the platform's log shows is
placed by the platform's clock and its known offset. A hit on everything under way for a car is
searched within this margin."""

REACH: Joint[bool, Request] = Joint("reach")
"""Whether a request gets through to the gateway; one that does not is in no log."""
TOKEN: Joint[str | None, Request] = Joint("token")
"""The customer whose token a request has; None: nobody's."""
ADMISSION: Joint[ProblemType | None, Request] = Joint("admission")
"""Why a request is turned away before anything is looked at; None: it is not."""
DISTANCE: Joint[float | None, Request] = Joint("distance")
"""How far the platform takes the phone to be from the car, metres; None: it does not know."""
LOOKUP: Joint[float, Request] = Joint("lookup")
"""How long the database takes for a request, seconds."""
TAKEN: Joint[float | None, Request] = Joint("taken")
"""How long ago a car was booked that somebody wants to book now, seconds; None: it is free."""
SYNC: Joint[float, Request] = Joint("sync")
"""How old the copy of the bookings is by which a command is allowed, seconds."""
PATIENCE: Joint[float, Request] = Joint("patience")
"""How long a request waits for the car's answer, seconds; 0: it is answered at once."""
ADDRESS: Joint[str, PlatformCommand] = Joint("address")
"""Which box is taken for that of the command's car, by vehicle id."""
WAKE: Joint[bool, PlatformCommand] = Joint("wake")
"""Whether the platform takes the car for asleep, and wakes it before it publishes."""
PUBLISH: Joint[float | None, PlatformCommand] = Joint("publish")
"""How much later than usual a command is published, seconds; None: never, and nobody notices."""
RETAIN: Joint[bool, PlatformCommand] = Joint("retain")
"""Whether the broker is told to keep a command, without an end, for whoever subscribes later."""
RETRY: Joint[float | None, PlatformCommand] = Joint("retry")
"""After how many seconds without an answer a command is published again; None: it is not."""
SAME: Joint[bool, PlatformCommand] = Joint("same")
"""Whether what is published again is the same command, by id and counter, or else a new one."""
HEARING: Joint[bool, PlatformCommand] = Joint("hearing")
"""Whether the platform hears what the car says of a command."""
GRACE: Joint[float, PlatformCommand] = Joint("grace")
"""How long after a command's life the platform still waits for its answer, seconds."""
ANSWER: Joint[Answer, Request] = Joint("answer")
"""The answer to a request."""


class PlatformBends(InForce):
    """The bends in force on the platform. An idle failpoint costs one look into a dict."""

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

        If there is no command yet, the hit is on everything under way for the car. If there is no
        car, it has no target. Frequent callers check `joints` first.
        """
        value, changed_by = self.fold(joint, context, usual=usual)
        now_s = self._now_s()
        for culprit in changed_by:
            if command_id is not None:
                culprit.hit(vehicle_id or "", joint.name, command_id=command_id)
            elif vehicle_id is not None:
                during_s = now_s - CLOCKS_S, now_s + CLOCKS_S
                culprit.hit(vehicle_id, joint.name, during_s=during_s)
        return value
