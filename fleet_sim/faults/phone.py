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
from fleet_sim.faults.drawing import WHO_CALL, Drawing
from fleet_sim.faults.registry import Fault, FaultProcess, Injection, Need, Strikes, register
from fleet_sim.platform.operations import Request
from fleet_wire.quantities import PositiveSeconds

ValueT = TypeVar("ValueT")
ContextT = TypeVar("ContextT", Renter, Sending)

NO_BOOKING = "undefined"
"""The booking id from an app that has forgotten its booking."""


class CustomerFault(Fault):
    """A fault of customers. It strikes a share of those whose booked car is one of its cars."""

    strikes: ClassVar[Strikes] = Strikes.CUSTOMERS
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
    """The customer stands at a twin of the booked car, which opens elsewhere."""

    name: ClassVar[str] = "wrong_car_approached"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"share": (0.2, 0.5)},
        strikes_alike=("all",),
        customers={**WHO_CALL, "presses_again": 8},
    )

    share: float = Field(0.3, gt=0, le=1, description="share of customers who take another car [E]")

    def process(self, injection: Injection) -> FaultProcess:
        """Make customers who arrive in the window stop at another car."""

        def stop_at_a_twin(vehicle_id: str, _renter: Renter) -> str:
            return f"twin-of-{vehicle_id}"

        with self.set_action(injection, APPROACH, stop_at_a_twin):
            yield injection.whole_window()


@register
class PhoneSide(CustomerFault):
    """The phone has no data, or its app sends what the platform cannot use."""

    name: ClassVar[str] = "phone_side"
    drawing: ClassVar[Drawing] = Drawing(
        variants=({"what": "no_data"}, {"what": "app_bug", "app_version": "5.2.0"}),
        strikes_alike=("some", "group", "all"),
        customers={
            "phone": {
                "timeout_s": 6,
                "app_versions": [
                    {"version": "5.1.0", "share": 2},
                    {"version": "5.2.0", "share": 1},
                ],
            },
            **WHO_CALL,
            "presses_again": 8,
        },
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
    """A phone without network has a key for the car that is no longer good."""

    name: ClassVar[str] = "ble_token_expired_offline"
    drawing: ClassVar[Drawing] = Drawing(
        strikes_alike=("some",),
        customers={
            "phone": {"timeout_s": 5, "offline_key_s": 2280},
            **WHO_CALL,
            "presses_again": 12,
        },
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
