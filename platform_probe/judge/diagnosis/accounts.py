"""Requests of customers' accounts: how many cars, for which booking, from where. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from fleet_wire.contract import problems
from fleet_wire.contract.attempt import PlatformSide
from fleet_wire.contract.text import Text
from fleet_wire.distance import Coordinates, distance_km
from fleet_wire.latest import remember

MAX_ACCOUNTS: Final = 5_000
ACCOUNT_S: Final = 600.0
"""An account is known by the cars that it asked for within so long [E]."""
SEVERAL_CARS: Final = 3
"""A booking without a known account that is named for so many cars is nobody's [E]."""
NEAR_KM: Final = 5.0
"""Phones are as wrong about their place within a city [E]."""
FASTEST_KM_S: Final = 0.25
"""900 km/h, an airliner's cruising speed."""
_NOT_YOURS: Final = frozenset({problems.BOOKING_UNKNOWN.status, problems.BOOKING_OF_ANOTHER.status})
"""404 and 403 (RFC 9110, section 15.5)."""
_OF_ELSE: Final = frozenset(
    {
        problems.COMMAND_UNKNOWN.slug,
        problems.ROUTE_UNKNOWN.slug,
        problems.VEHICLE_TOO_FAR.slug,
    }
)
"""Types with such a status that say nothing of whose a car is."""


def is_not_yours(side: PlatformSide) -> bool:
    """Return whether the API has turned down what is not the account's: car or booking.

    That one's own booking has not begun, or that one has asked twice, is no such thing.
    """
    return side.status in _NOT_YOURS and side.problem not in _OF_ELSE


@dataclass(slots=True, eq=False)
class Account:
    """Which cars an account asked for, when and from where."""

    cars: OrderedDict[str, float] = field(default_factory=OrderedDict)
    """The latest last."""
    not_its_own: set[str] = field(default_factory=set)
    """Those of them that it was refused as not its own, and has not opened since."""
    place: tuple[float, Coordinates] | None = None
    two_places: Text | None = None
    """Evidence that it was at two places at once, of the latest unlock."""


class Bookings:
    """Recent bookings, with the accounts that named them and the cars. Bounded."""

    def __init__(self) -> None:
        self._named: OrderedDict[str, tuple[tuple[str, ...], tuple[str, ...]]] = OrderedDict()
        """Accounts and cars of each booking; of many a few."""

    def note(self, booking_id: str, account_id: str | None, vehicle_id: str) -> None:
        """Note that somebody named a booking for a car."""
        accounts, cars = self._named.get(booking_id, ((), ()))
        if account_id is not None and account_id not in accounts and len(accounts) < SEVERAL_CARS:
            accounts = (*accounts, account_id)
        if vehicle_id and vehicle_id not in cars and len(cars) < SEVERAL_CARS:
            cars = (*cars, vehicle_id)
        remember(self._named, booking_id, (accounts, cars), MAX_ACCOUNTS)

    def is_of_several(self, booking_id: str | None) -> bool:
        """Return whether several customers named one booking, for several cars: it is none."""
        accounts, cars = self._named.get(booking_id or "", ((), ()))
        if not accounts:
            return len(cars) >= SEVERAL_CARS
        return len(accounts) > 1 and len(cars) > 1


class Accounts:
    """The accounts that asked last. Bounded."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._bookings = Bookings()
        self._monitors: set[str] = set()
        """Accounts that a monitor asks with: it has many cars, and is no customer."""

    def is_of_monitor(self, account_id: str) -> None:
        """Note that a monitor asks with an account: what that asked for is no evidence."""
        self._monitors.add(account_id)
        self._accounts.pop(account_id, None)

    def account_of(self, account_id: str | None) -> Account | None:
        """Return what is known of an account."""
        return None if account_id is None else self._accounts.get(account_id)

    def is_of_several(self, booking_id: str | None) -> bool:
        """Return whether several customers named one booking, for several cars: it is none."""
        return self._bookings.is_of_several(booking_id)

    def note(
        self, side: PlatformSide, vehicle_id: str, began_s: float, *, booking_id: str | None = None
    ) -> None:
        """Note that an account, which `side` names, asked for a car, for a booking."""
        account_id = side.account_id
        if account_id is None or account_id in self._monitors:
            return
        if booking_id is not None:
            self._bookings.note(booking_id, account_id, vehicle_id)
        accounts = self._accounts
        account = accounts.get(account_id)
        if account is None:
            account = Account()
            remember(accounts, account_id, account, MAX_ACCOUNTS)
        else:
            accounts.move_to_end(account_id)
        account.two_places = None
        if side.position is not None:
            if account.place is not None:
                account.two_places = _too_fast(account.place, (began_s, side.position))
            account.place = began_s, side.position
        cars = account.cars
        cars[vehicle_id] = began_s
        cars.move_to_end(vehicle_id)
        while began_s - next(iter(cars.values())) >= ACCOUNT_S:  # one by one: some have thousands
            account.not_its_own.discard(cars.popitem(last=False)[0])
        if is_not_yours(side):
            account.not_its_own.add(vehicle_id)
        elif side.status is not None and not problems.is_error(side.status):
            account.not_its_own.discard(vehicle_id)


def _too_fast(one: tuple[float, Coordinates], other: tuple[float, Coordinates]) -> Text | None:
    """Return what says that nobody travels so fast from one place to the other, or None."""
    (one_s, place), (other_s, other_place) = one, other
    apart_km = distance_km(place, other_place)
    took_s = max(abs(other_s - one_s), 1.0)
    if apart_km < NEAR_KM or apart_km / took_s < FASTEST_KM_S:
        return None
    return Text(key="seen.two_places", values={"km": round(apart_km), "seconds": round(took_s)})
