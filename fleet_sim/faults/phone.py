"""Faults of customers and their phones: what never reaches the platform, or reaches it in vain."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import ClassVar, Literal, TypeVar

import msgspec
from pydantic import Field

from fleet_sim.cars.failpoints import Failpoint
from fleet_sim.customers.failpoints import (
    APPROACH,
    KEY_AGE,
    REQUEST,
    CustomerFailpoints,
    Renter,
    Sending,
)
from fleet_sim.faults.registry import Fault, FaultProcess, Injection, Need, Strikes, register
from fleet_sim.platform.operations import Request
from fleet_wire.modes.mode import Layer
from fleet_wire.quantities import PositiveSeconds

ValueT = TypeVar("ValueT")
ContextT = TypeVar("ContextT", Renter, Sending)

NO_BOOKING = "undefined"
"""The booking id from an app that has forgotten its booking."""


class CustomerFault(Fault):
    """A fault of customers. It strikes a share of those whose booked car is one of its cars."""

    strikes: ClassVar[Strikes] = Strikes.CUSTOMERS
    layer: ClassVar[Layer] = Layer.PHONE
    needs: ClassVar[frozenset[Need]] = frozenset({Need.CUSTOMERS})

    share: float = Field(1.0, gt=0, le=1, description="share of these customers who have it")

    def set_action(
        self,
        injection: Injection,
        failpoint: Failpoint[ValueT, ContextT],
        action: Callable[[ValueT, ContextT], ValueT],
    ) -> AbstractContextManager[None]:
        """Return a context in which `action` decides at `failpoint`, for the affected customers."""
        assert injection.customers is not None  # noqa: S101 - the scenario was checked for its need

        def act_on_theirs(value: ValueT, context: ContextT) -> ValueT:
            renter = context.renter if isinstance(context, Sending) else context
            return action(value, context) if self._has_it(renter, injection) else value

        failpoints: CustomerFailpoints = injection.customers
        return failpoints.in_force(failpoint, act_on_theirs, injection)

    def _has_it(self, renter: Renter, injection: Injection) -> bool:
        if renter.vehicle_id not in injection.vehicle_ids:
            return False
        # The first number of a stream named by the customer: the same whenever it is asked for.
        return injection.stream_of(renter.customer_id).constant() < self.share


@register
class WrongCarApproached(CustomerFault):
    """Catalogue 50: the customer stands at a twin of the booked car, which opens elsewhere."""

    name: ClassVar[str] = "wrong_car_approached"
    number: ClassVar[int | None] = 50
    summary: ClassVar[str] = "the customer stands beside another car of the same kind"
    seen: ClassVar[str] = (
        "ok, again and again, and no door is opened; then the customer calls support"
    )
    customer: ClassVar[str] = "The app says open, and the door before me is shut."
    support: ClassVar[str] = (
        "Every unlock was a success and no door was opened: ask for the number plate."
    )
    evidence: ClassVar[tuple[str, ...]] = ("Zipcar help: check the licence plate",)

    share: float = Field(0.3, gt=0, le=1, description="share of customers who take another car [E]")

    def process(self, injection: Injection) -> FaultProcess:
        """Make customers who arrive in the window stop at another car."""

        def stop_at_a_twin(vehicle_id: str, _renter: Renter) -> str:
            return f"twin-of-{vehicle_id}"

        with self.set_action(injection, APPROACH, stop_at_a_twin):
            yield injection.whole_window()


@register
class PhoneSide(CustomerFault):
    """Catalogue 51: the phone has no data, or its app sends what the platform cannot use."""

    name: ClassVar[str] = "phone_side"
    number: ClassVar[int | None] = 51
    summary: ClassVar[str] = "the phone has no network, or its app a defect: no request comes of it"
    seen: ClassVar[str] = (
        "a complaint that names no unlock; with a defect of the app api_refused, all of one release"
    )
    customer: ClassVar[str] = "I press, and the app says that there is no connection."
    support: ClassVar[str] = (
        "The customer calls and there is no request; or all such calls are from one app release."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "WaiveCar, car-service.js, update(): a defect with plateNumber in 15 months of releases",
        "Zipcar and Karshare help: phone without signal or location",
    )

    what: Literal["no_data", "app_bug"] = Field(
        "no_data",
        description="no_data: nothing leaves the phone; app_bug: the app forgets the booking",
    )
    app_version: str = Field("", max_length=128, description="only of this release; empty: of any")

    def process(self, injection: Injection) -> FaultProcess:
        """Keep requests on the phone, or spoil them, while the window is open."""

        def spoil(request: Request | None, sending: Sending) -> Request | None:
            if request is None or self.app_version not in ("", sending.renter.app_version):
                return request
            if self.what == "no_data":
                return None
            return msgspec.structs.replace(request, booking_id=NO_BOOKING)

        with self.set_action(injection, REQUEST, spoil):
            yield injection.whole_window()


@register
class BleTokenExpiredOffline(CustomerFault):
    """Catalogue 52: a phone without network has a key for the car that is no longer good."""

    name: ClassVar[str] = "ble_token_expired_offline"
    number: ClassVar[int | None] = 52
    summary: ClassVar[str] = (
        "a phone without network tries its Bluetooth key, and the key has expired"
    )
    seen: ClassVar[str] = (
        "the box's event ble_key_expired, no request; a complaint that names no unlock"
    )
    customer: ClassVar[str] = "The app says that the key on my phone has expired."
    support: ClassVar[str] = "No request of this customer; the box tells of a key that it refused."
    evidence: ClassVar[tuple[str, ...]] = (
        "WaiveCar, car-service.js:1325: a token for Bluetooth is good for 38 minutes",
        "Daily Dot on GIG cars, which have to be synchronised every 24 hours",
    )

    older_s: PositiveSeconds = Field(
        3600.0, description="so much older than it should be is the key on the phone [E]"
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Cut the phones' network, and age their keys."""

        def nothing(_request: Request | None, _sending: Sending) -> None:
            return None

        def grow_old(age_s: float, _renter: Renter) -> float:
            return age_s + self.older_s

        with ExitStack() as stack:
            stack.enter_context(self.set_action(injection, REQUEST, nothing))
            stack.enter_context(self.set_action(injection, KEY_AGE, grow_old))
            yield injection.whole_window()
