"""Where what customers and their phones do may bend; `fleet_sim.cars.joints` says what a joint is.

Whoever changes something has struck the customer until that customer has a car open or gives up:
what is pressed, and asked of support, meanwhile.
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
"""At which car a customer stands, and whose handle is pulled."""
REQUEST: Joint[Request | None, Sending] = Joint("request")
"""What leaves the phone to unlock a car; None: nothing does, and the app does not notice."""
KEY_AGE: Joint[float, Renter] = Joint("key_age")
"""How old the phone's key for use without a network is, seconds."""


class CustomerBends(InForce):
    """The bends in force on the customers of a run."""

    __slots__ = ()


class StruckCustomer:
    """Who has changed what for one customer, from when on; told when the customer is done."""

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

    def tell(self, renter: Renter) -> None:
        """Tell all who have changed something, from when until now."""
        struck, self._by = self._by, {}
        for culprit, (what, since_s) in struck.items():
            culprit.hit(
                renter.vehicle_id,
                what,
                during_s=(since_s, self._now_s()),
                customer_id=renter.customer_id,
            )
