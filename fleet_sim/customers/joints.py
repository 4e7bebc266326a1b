"""Failpoints of customers and their phones; `fleet_sim.cars.joints` explains failpoints.

A fault that changes something has hit the customer until that customer has a car open or gives up.
The hit covers every press, and every call to support, meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from fleet_sim.cars.joints import Culprit, InForce, Joint
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


APPROACH: Joint[str, Renter] = Joint("approach")
"""The car that a customer stands at, and whose handle is pulled."""
REQUEST: Joint[Request | None, Sending] = Joint("request")
"""The phone's request to unlock a car; None: nothing leaves, and the app does not notice."""
KEY_AGE: Joint[float, Renter] = Joint("key_age")
"""How old the phone's key for use without a network is, seconds."""


class CustomerBends(InForce):
    """The bends in force on the customers of a run."""

    __slots__ = ()


class StruckCustomer:
    """The faults that have changed something for one customer, each with its start."""

    __slots__ = ("_bends", "_by", "_now_s")

    def __init__(self, bends: CustomerBends, now_s: Callable[[], float]) -> None:
        self._bends = bends
        self._now_s = now_s
        self._by: dict[Culprit, tuple[str, float]] = {}

    def at(self, joint: Joint[ValueT, ContextT], context: ContextT, *, usual: ValueT) -> ValueT:
        """Return what happens where the usual would, and note who changed it."""
        value, changed_by = self._bends.fold(joint, context, usual=usual)
        for culprit in changed_by:
            self._by.setdefault(culprit, (joint.name, self._now_s()))
        return value

    def report_hits(self, renter: Renter) -> None:
        """Report the hit to each fault, from its start until now."""
        struck, self._by = self._by, {}
        for culprit, (what, since_s) in struck.items():
            culprit.hit(
                renter.vehicle_id,
                what,
                during_s=(since_s, self._now_s()),
                customer_id=renter.customer_id,
            )
