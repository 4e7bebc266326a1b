"""Bookings: who may use which car from when to when. A car is booked once at a time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any, Final

import msgspec

from fleet_sim.cars.failpoints import Culprit
from fleet_wire.contract.problems import (
    BOOKING_ENDED,
    BOOKING_NOT_STARTED,
    BOOKING_OF_ANOTHER,
    BOOKING_TIMES,
    BOOKING_UNKNOWN,
    VEHICLE_NOT_BOOKED,
    VEHICLE_TAKEN,
    VEHICLE_TAKEN_BY_SELF,
    ProblemType,
)

_OBJECTIONS: Final = {"upcoming": BOOKING_NOT_STARTED, "ended": BOOKING_ENDED}
"""The problem for each state of a booking."""
_starts_at = attrgetter("starts_at")
PAST_S = 60.0
"""Largest age of a new booking's start: phones' clocks are behind, and requests take time [E]."""


class Booking(msgspec.Struct, kw_only=True, eq=False):
    """One booking. Times are Unix seconds on the platform's clock."""

    booking_id: str
    """Empty for support, which opens cars without."""
    account_id: str
    vehicle_id: str
    starts_at: float
    ends_at: float
    """When it ends, or has ended."""
    was_ended: bool = False
    """Whether its customer has ended it before its time."""
    made_at: float = 0.0
    extended: tuple[float, float] | None = None
    """When it was made to end later, for the last time, and when it would have ended before."""
    is_second: bool = False
    """Whether the car was booked for that time already: nobody should have it."""
    let_in_by: Sequence[Culprit] = ()
    """The faults that caused the double booking of the car, for both bookings."""

    def state(self, now: float, *, as_of: float | None = None) -> str:
        """Return `upcoming`, `running` or `ended`; `as_of`: as it was known at that time."""
        ends_at = self.ends_at
        if self.extended is not None and as_of is not None and as_of < self.extended[0]:
            ends_at = self.extended[1]
        if self.was_ended or now >= ends_at:
            return "ended"
        return "running" if now >= self.starts_at else "upcoming"

    def objection(self, now: float, *, as_of: float | None = None) -> ProblemType | None:
        """Return why its car may not be used now; None: it may. `as_of` as for `state`."""
        if as_of is not None and as_of < self.made_at:
            return BOOKING_UNKNOWN
        return _OBJECTIONS.get(self.state(now, as_of=as_of))

    def body(self, now: float) -> dict[str, Any]:
        """Return the booking's form in the API."""
        return {
            "booking_id": self.booking_id,
            "vehicle_id": self.vehicle_id,
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
            "state": self.state(now),
        }


class Bookings:
    """All bookings. Check and change are one step, so that two customers cannot come between."""

    def __init__(self, *, max_booking_s: float, remember_s: float) -> None:
        """Make none yet. Bookings are forgotten `remember_s` after their end."""
        self._max_booking_s = max_booking_s
        self._remember_s = remember_s
        self._by_id: dict[str, Booking] = {}
        self._ends: list[tuple[float, str]] = []
        """A heap: when each booking was to end, as known when it was pushed, and its id."""
        self._by_vehicle: dict[str, list[Booking]] = {}
        """Those of a car that have not been ended, by their start; they do not overlap, unless one
    was entered in spite of another."""

    def taken_by(
        self, vehicle_id: str, starts_at: float, ends_at: float, besides: Booking | None = None
    ) -> Booking | None:
        """Return what stands in the way of a booking of a car."""
        of_vehicle = self._by_vehicle.get(vehicle_id, [])
        for other in of_vehicle[: bisect_left(of_vehicle, ends_at, key=_starts_at)]:
            if other is not besides and other.ends_at > starts_at:
                return other
        return None

    def book(
        self, booking: Booking, now: float, *, in_spite_of: Booking | None = None
    ) -> ProblemType | None:
        """Enter a booking, or return why not; one that it is entered in spite of does not count."""
        lasts_s = booking.ends_at - booking.starts_at
        is_possible = 0 < lasts_s <= self._max_booking_s
        if not is_possible or booking.starts_at < now - PAST_S or booking.ends_at <= now:
            return BOOKING_TIMES
        starts_at, ends_at = booking.starts_at, booking.ends_at
        other = self.taken_by(booking.vehicle_id, starts_at, ends_at, besides=in_spite_of)
        if other is not None:
            return _taken(by=other, from_whom=booking)
        booking.is_second = in_spite_of is not None
        self._by_id[booking.booking_id] = booking
        heappush(self._ends, (booking.ends_at, booking.booking_id))
        self._forget(now - self._remember_s)
        of_vehicle = self._by_vehicle.setdefault(booking.vehicle_id, [])
        while of_vehicle and of_vehicle[0].ends_at <= now:
            del of_vehicle[0]
        insort(of_vehicle, booking, key=_starts_at)
        return None

    def find(self, booking_id: str | None, account_id: str) -> Booking | ProblemType:
        """Return a customer's booking, or why it is not theirs."""
        booking = None if booking_id is None else self._by_id.get(booking_id)
        if booking is None:
            return BOOKING_UNKNOWN
        return booking if booking.account_id == account_id else BOOKING_OF_ANOTHER

    def in_use(
        self, booking_id: str | None, account_id: str, *, vehicle_id: str | None, now: float
    ) -> Booking | ProblemType:
        """Return a customer's booking that lets them use a car now, or why there is none.

        The default for `vehicle_id` is the booking's own car.
        """
        booking = self.find(booking_id, account_id)
        if isinstance(booking, ProblemType):
            return booking
        if vehicle_id is not None and booking.vehicle_id != vehicle_id:
            return VEHICLE_NOT_BOOKED
        return booking.objection(now) or booking

    def has(self, account_id: str, vehicle_id: str, now: float) -> bool:
        """Return whether a customer has a booking of a car that has not ended."""
        return any(
            booking.account_id == account_id and booking.state(now) != "ended"
            for booking in self._by_vehicle.get(vehicle_id, ())
        )

    def extend(self, booking: Booking, ends_at: float, now: float) -> ProblemType | None:
        """Extend a booking, or return why not; `end` shortens it."""
        if booking.state(now) == "ended":
            return BOOKING_ENDED
        if not booking.ends_at <= ends_at <= booking.starts_at + self._max_booking_s:
            return BOOKING_TIMES
        other = self.taken_by(booking.vehicle_id, booking.starts_at, ends_at, besides=booking)
        if other is not None:
            return _taken(by=other, from_whom=booking)
        if ends_at > booking.ends_at:
            booking.extended = now, booking.ends_at
        booking.ends_at = ends_at
        return None

    def end_early(self, booking: Booking, now: float) -> None:
        """End a booking now, if it has not ended before: the car is free."""
        if booking.state(now) != "ended":
            booking.ends_at, booking.was_ended = now, True
        of_vehicle = self._by_vehicle.get(booking.vehicle_id, [])
        if booking in of_vehicle:
            of_vehicle.remove(booking)

    def _forget(self, ended_s: float) -> None:
        """Forget the bookings that had ended by then; one that was made longer is kept."""
        while self._ends[0][0] < ended_s:
            booking = self._by_id[heappop(self._ends)[1]]
            if booking.ends_at < ended_s:
                del self._by_id[booking.booking_id]
            else:
                heappush(self._ends, (booking.ends_at, booking.booking_id))


def _taken(*, by: Booking, from_whom: Booking) -> ProblemType:
    """Return the problem of a booking that conflicts with another one."""
    return VEHICLE_TAKEN_BY_SELF if by.account_id == from_whom.account_id else VEHICLE_TAKEN
