"""Failpoints of the platform; `fleet_sim.cars.failpoints` explains failpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fleet_sim.cars.failpoints import Failpoint, Failpoints
from fleet_sim.platform.commands import PlatformCommand
from fleet_sim.platform.operations import Answer, Request
from fleet_wire.contract.problems import ProblemType

ValueT = TypeVar("ValueT")
ContextT = TypeVar("ContextT")

CLOCKS_S = 0.1
"""Uncertainty of the offset between the clocks [E]. An unlock that only the platform's log shows is
placed by the platform's clock and its known offset. A hit on everything under way for a car is
searched within this margin."""

REACH: Failpoint[bool, Request] = Failpoint("reach")
"""Whether a request gets through to the gateway; one that does not is in no log."""
TOKEN: Failpoint[str | None, Request] = Failpoint("token")
"""The customer whose token a request has; None: nobody's."""
ADMISSION: Failpoint[ProblemType | None, Request] = Failpoint("admission")
"""Why a request is turned away before anything is looked at; None: it is not."""
DISTANCE: Failpoint[float | None, Request] = Failpoint("distance")
"""How far the platform takes the phone to be from the car, metres; None: it does not know."""
LOOKUP: Failpoint[float, Request] = Failpoint("lookup")
"""How long the database takes for a request, seconds."""
TAKEN: Failpoint[float | None, Request] = Failpoint("taken")
"""Age of the existing booking of a car that is to be booked now, seconds; None: it is free."""
SYNC: Failpoint[float, Request] = Failpoint("sync")
"""How old the copy of the bookings is by which a command is allowed, seconds."""
PATIENCE: Failpoint[float, Request] = Failpoint("patience")
"""How long a request waits for the car's answer, seconds; 0: it is answered at once."""
ADDRESS: Failpoint[str, PlatformCommand] = Failpoint("address")
"""Which box is taken for that of the command's car, by vehicle id."""
WAKE: Failpoint[bool, PlatformCommand] = Failpoint("wake")
"""Whether the platform takes the car for asleep, and wakes it before it publishes."""
PUBLISH: Failpoint[float | None, PlatformCommand] = Failpoint("publish")
"""How much later than usual a command is published, seconds; None: never, and nobody notices."""
RETAIN: Failpoint[bool, PlatformCommand] = Failpoint("retain")
"""Whether a command is retained at the broker, without an end."""
RETRY: Failpoint[float | None, PlatformCommand] = Failpoint("retry")
"""After how many seconds without an answer a command is published again; None: it is not."""
SAME: Failpoint[bool, PlatformCommand] = Failpoint("same")
"""Whether what is published again is the same command, by id and counter, or else a new one."""
HEARING: Failpoint[bool, PlatformCommand] = Failpoint("hearing")
"""Whether the platform receives the car's answer to a command."""
GRACE: Failpoint[float, PlatformCommand] = Failpoint("grace")
"""How long after a command's life the platform still waits for its answer, seconds."""
ANSWER: Failpoint[Answer, Request] = Failpoint("answer")
"""The answer to a request."""


class PlatformFailpoints(Failpoints):
    """The failpoint actions on the platform. An idle failpoint costs one look into a dict."""

    __slots__ = ("_now_s",)

    def __init__(self, now_s: Callable[[], float]) -> None:
        super().__init__()
        self._now_s = now_s

    def at(
        self,
        failpoint: Failpoint[ValueT, ContextT],
        context: ContextT,
        *,
        usual: ValueT,
        vehicle_id: str | None,
        command_id: str | None = None,
    ) -> ValueT:
        """Return the value that replaces `usual`, and report a hit to each fault behind it.

        If there is no command yet, the hit is on everything under way for the car. If there is no
        car, it has no target. Frequent callers check `armed` first.
        """
        value, changed_by = self.fold(failpoint, context, usual=usual)
        now_s = self._now_s()
        for culprit in changed_by:
            if command_id is not None:
                culprit.hit(vehicle_id or "", failpoint.name, command_id=command_id)
            elif vehicle_id is not None:
                during_s = now_s - CLOCKS_S, now_s + CLOCKS_S
                culprit.hit(vehicle_id, failpoint.name, during_s=during_s)
        return value
