"""Which unlocks count: a customer who presses again, and a sick car, count once in a while.

Tests take events to be independent. The car that failed at 08:12 fails at 08:13, when its customer
presses again, and at 09:00, when the next one comes.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import msgspec

from fleet_wire.contract.attempt import Attempt, Source
from fleet_wire.latest import Latest, remember
from platform_probe.judge.diagnosis.accounts import Bookings, is_not_yours

RETRY_S: Final = 600.0
"""Repeated presses of one customer at one car within this time count once [E]."""
AGAIN_S: Final = 90.0
"""A customer who presses again so soon after a car has opened stands before a closed one [E]."""
SICK_S: Final = 6 * 3600.0
"""A car that fails at one stage counts once in this time [E].

A sick car is no problem of its cohort, even if it fails several customers in a morning.
"""
KEPT_S: Final = 3600.0
"""A press is remembered for so long: a record comes `detection.LATE_S` late at most."""
BOOKED_S: Final = 86_400.0
"""The account of a booking is remembered for so long after its last press."""
MOST: Final = 100_000


class OpenedCar(msgspec.Struct, frozen=True, gc=False, eq=False):
    """A car that has opened for a customer, as far as was known."""

    began_s: float
    ended_s: float
    attempt_id: str
    trace_id: str


class Repeats:
    """Remembers the customers counted last. Bounded."""

    def __init__(self) -> None:
        self._failed_cars: Latest[str, dict[str, float]] = Latest(MOST)
        """When each car failed last, by the way in which it did."""
        self._failed_customers: Latest[str, tuple[float, str]] = Latest(MOST, within_s=KEPT_S)
        self._again_cars: OrderedDict[str, float] = OrderedDict()
        self._opened: Latest[tuple[str, str], OpenedCar] = Latest(MOST, within_s=KEPT_S)
        """Last times by car and customer."""

    def add_unlock(
        self, attempt: Attempt, customer: str | None, began_s: float, *, way: str | None
    ) -> tuple[bool, bool]:
        """Remember an unlock, and return whether it counts, and whether it is pressed again.

        `way` says how it was hit, None if it was not. A press soon after the car has opened, as far
        as was known, counts as repeated.
        """
        car = attempt.vehicle_id
        if customer is None:
            return (way is None or self._failure_counts(car, None, began_s, way)), False
        together = car, customer
        opened = self._opened.get(together)
        is_retry = opened is not None and opened.trace_id == attempt.trace_id
        is_again = (
            opened is not None and not is_retry and self._is_repeated_press(car, began_s, opened)
        )
        if way is not None:
            return self._failure_counts(car, customer, began_s, way), is_again
        failed_s, _ = self._failed_customers.get(customer) or (-math.inf, way)
        ended_s = began_s + attempt.total_s
        now = OpenedCar(began_s, ended_s, attempt.attempt_id, attempt.trace_id)
        self._opened.keep(together, now, began_s)
        has_failed = began_s - failed_s < RETRY_S
        has_opened = opened is not None and began_s - opened.began_s < RETRY_S
        return not has_failed and not has_opened, is_again

    def _is_repeated_press(self, car: str, began_s: float, opened: OpenedCar) -> bool:
        """Remember that a customer presses after a car has opened; return whether that counts."""
        if not 0.0 < began_s - opened.ended_s < AGAIN_S:
            return False
        before_s = self._again_cars.get(car)
        if before_s is not None and began_s - before_s < SICK_S:
            return False
        remember(self._again_cars, car, began_s, MOST)
        return True

    def forget_failures(self, cars: Iterable[str]) -> None:
        """Forget the failures of cars in a problem that is over: they are no sick cars."""
        for car in cars:
            self._failed_cars.forget(car)

    def _failure_counts(self, car: str, customer: str | None, began_s: float, way: str) -> bool:
        """Return whether a failure counts: it repeats no earlier one at the same stage."""
        of_car = (self._failed_cars.get(car) if car else None) or {}
        is_new = began_s - of_car.get(way, -math.inf) >= SICK_S
        if customer is not None:
            last_s, last_way = self._failed_customers.get(customer) or (-math.inf, way)
            is_new = is_new and (began_s - last_s >= RETRY_S or way != last_way)
            self._failed_customers.keep(customer, (began_s, way), began_s)
        if is_new and car:
            self._failed_cars.keep(car, {**of_car, way: began_s})
        return is_new


class Customers:
    """Knows who asked, by one name each: their booking is often known before their account."""

    def __init__(self) -> None:
        self._of_booking: Latest[str, str] = Latest(MOST, within_s=BOOKED_S)
        self._account_of: Latest[str, str] = Latest(MOST, within_s=BOOKED_S)
        """The account of each booking."""
        self._bookings = Bookings()

    def customer_of(self, attempt: Attempt) -> str | None:
        """Return who asked, as far as that is known; None for unlocks of the monitor's own.

        A booking that many name is nobody's: who names it is known by their account or car.
        """
        if attempt.source is not Source.CUSTOMER:
            return None
        account_id = attempt.platform.account_id if attempt.platform else None
        booking_id, vehicle_id = attempt.booking_id, attempt.vehicle_id
        if booking_id is None:
            return account_id or vehicle_id or None
        self._bookings.note(booking_id, account_id, vehicle_id)
        if self._bookings.is_of_several(booking_id):
            return account_id or vehicle_id or None
        customer = self._of_booking.get(booking_id) or account_id or booking_id
        self._of_booking.keep(booking_id, customer, attempt.started_at)
        return customer

    def identity_of(self, attempt: Attempt) -> str | None:
        """Return the account that asked, else its booking, else the car.

        None for unlocks of the monitor's own. Like `customer_of` it is the name for people. Repeats
        are told apart by the booking, even if an account has many.
        """
        if attempt.source is not Source.CUSTOMER:
            return None
        side, booking_id = attempt.platform, attempt.booking_id
        if not side or side.account_id is None:
            is_nobodys = booking_id is None or self._bookings.is_of_several(booking_id)
            return attempt.vehicle_id or None if is_nobodys else booking_id
        if booking_id is not None and not is_not_yours(side):
            self._account_of.keep(booking_id, side.account_id, attempt.started_at)
        return side.account_id

    def accounts_of(self, customers: frozenset[str]) -> frozenset[str]:
        """Return these with the account of each booking that is known by now."""
        return frozenset(self._account_of.get(one) or one for one in customers)
