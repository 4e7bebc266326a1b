"""Which unlocks count."""

from __future__ import annotations

import msgspec
import pytest

from fleet_wire.contract.attempt import Attempt, PlatformSide, Source
from fleet_wire.contract.causes import Cause
from platform_probe.judge.detection.repeats import SICK_S, Customers, Repeats
from tests.helpers.findings import Watched


def customer_of(attempt: Attempt) -> str | None:
    """Return who asked, of whom nothing else is known."""
    return Customers().customer_of(attempt)


@pytest.mark.parametrize(
    "unlocks",
    [
        # second, customer, car, whether it fails and whether it counts; first who presses again
        [(0, "a", 1, True, True), (60, "a", 1, True, False), (120, "a", 1, False, False)],
        # in another car that fails: it may be the phone
        [(0, "a", 1, True, True), (120, "a", 2, True, False)],
        # a sick car, whoever comes to it
        [(0, "a", 1, True, True), (1_800, "b", 1, True, False), (SICK_S + 1, "c", 1, True, True)],
        # another customer's unlock that opens
        [(0, "a", 1, False, True), (60, "b", 1, False, True), (120, "c", 1, False, True)],
    ],
)
def test_what_says_something_new_counts(unlocks: list[tuple[float, str, int, bool, bool]]) -> None:
    """Neither the same failure a minute later nor the try that opens does."""
    repeats, watched = Repeats(), Watched()
    for at_s, account, car, fails, counts in unlocks:
        made = watched.unlock(
            cause=Cause.BOX_SILENT if fails else None,
            vehicle_id=f"car-{car}",
            platform=PlatformSide(account_id=account),
        )
        way = "lost_away" if fails else None
        assert repeats.add_unlock(made, customer_of(made), at_s, way=way)[0] is counts


def test_who_presses_again_soon_after_a_car_opened_is_noticed() -> None:
    """Once for a car: one whose lock falls back is no problem of its cohort. And not much later."""
    repeats, watched = Repeats(), Watched()
    first = watched.unlock(vehicle_id="car-1")
    soon = watched.unlock(vehicle_id="car-1", platform=first.platform)
    assert not repeats.add_unlock(first, customer_of(first), 0.0, way=None)[1]
    assert repeats.add_unlock(soon, customer_of(soon), 30.0, way=None) == (False, True)
    assert not repeats.add_unlock(soon, customer_of(soon), 60.0, way=None)[1]
    other = watched.unlock(vehicle_id="car-2")
    later = watched.unlock(vehicle_id="car-2", platform=other.platform)
    assert not repeats.add_unlock(other, customer_of(other), 0.0, way=None)[1]
    assert not repeats.add_unlock(later, customer_of(later), 300.0, way=None)[1]


def test_a_customer_whose_account_is_known_later_is_one() -> None:
    """Their booking stands in the command, their account in a log that comes later."""
    customers, watched = Customers(), Watched()
    known = watched.unlock(booking_id="b", platform=PlatformSide(account_id="c"))
    first = msgspec.structs.replace(known, platform=None)
    assert (
        customers.customer_of(first)
        == customers.customer_of(known)
        == customers.customer_of(first)
        == "b"
    )
    other = msgspec.structs.replace(known, booking_id="another")
    assert (
        customers.customer_of(other)
        == customers.customer_of(msgspec.structs.replace(other, platform=None))
        == "c"
    )
    assert customers.customer_of(msgspec.structs.replace(known, source=Source.PROBE)) is None


def test_a_booking_of_a_family_is_one_customers() -> None:
    """Two accounts open one car with it."""
    customers, watched = Customers(), Watched()
    for name in ("one", "other"):
        side = PlatformSide(account_id=name)
        shared = watched.unlock(booking_id="b", platform=side, vehicle_id="car-1")
        assert customers.customer_of(shared) == "one"
