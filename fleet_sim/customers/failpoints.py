"""Failpoints of customers and their phones; `fleet_sim.cars.failpoints` explains failpoints.

A fault that changes something has hit the customer until that customer has a car open or gives up.
The hit covers every press, and every call to support, meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from fleet_sim.cars.blame import Blame
from fleet_sim.cars.failpoints import Failpoint, Failpoints
from fleet_sim.platform.operations import Request

ValueT = TypeVar("ValueT")
ContextT = TypeVar("ContextT")


class Renter(NamedTuple):
    """A customer who has a car booked."""

    customer_id: str
    vehicle_id: str
    """The car of the booking."""
    app_version: str


class Sending(NamedTuple):
    """A request that a phone is about to send."""

    renter: Renter
    request: Request


APPROACH: Failpoint[str, Renter] = Failpoint("approach")
"""The car that a customer stands at, and whose handle is pulled."""
REQUEST: Failpoint[Request | None, Sending] = Failpoint("request")
"""The phone's request to unlock a car; None: nothing leaves, and the app does not notice."""
KEY_AGE: Failpoint[float, Renter] = Failpoint("key_age")
"""How old the phone's key for use without a network is, seconds."""


class CustomerFailpoints(Failpoints):
    """The failpoint actions on the customers of a run."""

    __slots__ = ()


class StruckCustomer:
    """The faults that have changed something for one customer, each with its start."""

    __slots__ = ("_blame", "_failpoints", "_now_s")

    def __init__(self, failpoints: CustomerFailpoints, now_s: Callable[[], float]) -> None:
        self._failpoints = failpoints
        self._now_s = now_s
        self._blame = Blame()

    def at(
        self, failpoint: Failpoint[ValueT, ContextT], context: ContextT, *, usual: ValueT
    ) -> ValueT:
        """Return what happens where the usual would, and note who changed it."""
        value, changed_by = self._failpoints.fold(failpoint, context, usual=usual)
        for culprit in changed_by:
            self._blame.note(culprit, failpoint.name, self._now_s())
        return value

    def report_hits(self, renter: Renter) -> None:
        """Report the hit to each fault, from its start until now."""
        now_s = self._now_s()
        self._blame.report(renter.vehicle_id, now_s, customer_id=renter.customer_id)
