"""What customers' accounts ask for: how many cars, and from where. No I/O."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from fleet_wire.contract.attempt import PlatformSide
from platform_probe.diagnosis.remembering import remember

MAX_ACCOUNTS: Final = 5_000
ACCOUNT_S: Final = 600.0
"""An account is known by the cars that it asked for within so long [E]."""
METRES_A_DEGREE: Final = 111_320.0
NEAR_M: Final = 5_000.0
"""Phones are as wrong about their place within a city [E]."""
FASTEST_M_S: Final = 250.0
"""900 km/h, an airliner's cruising speed."""


@dataclass(slots=True, eq=False)
class Account:
    """Which cars an account asked for, when and from where."""

    cars: OrderedDict[str, float] = field(default_factory=OrderedDict)
    """The latest last."""
    place: tuple[float, tuple[float, float]] | None = None
    two_places: str | None = None
    """What says that it was at two places at once, of the latest unlock."""


class Accounts:
    """The accounts that asked last. Bounded."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[str, Account] = OrderedDict()

    def of(self, account_id: str | None) -> Account | None:
        """Return what is known of an account."""
        return None if account_id is None else self._accounts.get(account_id)

    def note(self, side: PlatformSide, vehicle_id: str, began_s: float) -> None:
        """Note that an account, which `side` names, asked for a car."""
        account_id = side.account_id
        if account_id is None:
            return
        account = self._accounts.pop(account_id, None) or Account()
        account.two_places = None
        if side.position is not None:
            if account.place is not None:
                account.two_places = _too_fast(account.place, (began_s, side.position))
            account.place = began_s, side.position
        cars = account.cars
        cars.pop(vehicle_id, None)
        cars[vehicle_id] = began_s
        while began_s - next(iter(cars.values())) >= ACCOUNT_S:  # one by one: some have thousands
            cars.popitem(last=False)
        remember(self._accounts, account_id, account, MAX_ACCOUNTS)


def _too_fast(
    one: tuple[float, tuple[float, float]], other: tuple[float, tuple[float, float]]
) -> str | None:
    """Return what says that nobody travels so fast from one place to the other, or None."""
    (one_s, (lat, lon)), (other_s, (other_lat, other_lon)) = one, other
    north_m = (other_lat - lat) * METRES_A_DEGREE
    east_m = (other_lon - lon) * METRES_A_DEGREE * math.cos(math.radians(lat))
    apart_m = math.hypot(north_m, east_m)
    took_s = max(abs(other_s - one_s), 1.0)
    if apart_m < NEAR_M or apart_m / took_s < FASTEST_M_S:
        return None
    return f"the account was {apart_m / 1000:.0f} km away {took_s:.0f} s before"
