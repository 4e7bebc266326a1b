"""Which unlocks count."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import UNSET

from fleet_wire.contract.attempt import Attempt, PlatformSide, Source
from fleet_wire.contract.causes import Cause
from platform_probe.judge.detection.repeats import SICK_S, Customers, Repeats
from tests.helpers.findings import Watched


def customer_of(attempt: Attempt) -> str | None:
    """Return who asked, of whom nothing else is known."""
    return Customers().customer_of(attempt)


def test_a_customer_who_presses_again_counts_once() -> None:
    """The same failure a minute later says nothing new, and neither does the try that opens."""
    repeats, watched = Repeats(), Watched()
    failed = watched.unlock(cause=Cause.BOX_SILENT)
    opened = watched.unlock(vehicle_id=failed.vehicle_id, platform=failed.platform)
    assert repeats.add_unlock(failed, customer_of(failed), 0.0, way="lost_away")[0]
    assert not repeats.add_unlock(failed, customer_of(failed), 60.0, way="lost_away")[0]
    assert not repeats.add_unlock(opened, customer_of(opened), 120.0, way=None)[0]


def test_a_customer_who_takes_another_car_that_fails_counts_once() -> None:
    """It may be the phone."""
    repeats, watched = Repeats(), Watched()
    failed = watched.unlock(cause=Cause.BOX_SILENT)
    other = watched.unlock(cause=Cause.BOX_SILENT, platform=failed.platform)
    assert repeats.add_unlock(failed, customer_of(failed), 0.0, way="lost_away")[0]
    assert not repeats.add_unlock(other, customer_of(other), 120.0, way="lost_away")[0]


def test_a_sick_car_counts_once_in_a_while() -> None:
    """Whoever comes to it: it is one car."""
    repeats, watched = Repeats(), Watched()
    failed = watched.unlock(cause=Cause.BOX_SILENT)
    again = watched.unlock(cause=Cause.BOX_SILENT, vehicle_id=failed.vehicle_id)
    assert repeats.add_unlock(failed, customer_of(failed), 0.0, way="lost_away")[0]
    assert not repeats.add_unlock(again, customer_of(again), 1_800.0, way="lost_away")[0]
    assert repeats.add_unlock(again, customer_of(again), SICK_S + 1.0, way="lost_away")[0]


def test_cars_that_open_count_each_time() -> None:
    """Another customer's unlock is another event."""
    repeats, watched = Repeats(), Watched()
    for number in range(3):
        opened = watched.unlock(vehicle_id="car-1")
        assert repeats.add_unlock(opened, customer_of(opened), 60.0 * number, way=None)[0]


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


@pytest.mark.parametrize("has_accounts", [True, False])
def test_a_booking_that_many_name_is_nobodys(*, has_accounts: bool) -> None:
    """An app sends "undefined" for it: each customer counts, by their account or their car."""
    customers, watched = Customers(), Watched()
    names = set()
    for number in range(10):
        side = PlatformSide(account_id=f"customer-{number}") if has_accounts else UNSET
        failed = watched.unlock(
            cause=Cause.API_REFUSED, booking_id="undefined", platform=side, vehicle_id=f"v{number}"
        )
        names |= {customers.customer_of(failed), customers.identity_of(failed)}
    assert len(names) >= (10 if has_accounts else 8)


def test_a_booking_of_a_family_is_one_customers() -> None:
    """Two accounts open one car with it."""
    customers, watched = Customers(), Watched()
    for name in ("one", "other"):
        side = PlatformSide(account_id=name)
        shared = watched.unlock(booking_id="b", platform=side, vehicle_id="car-1")
        assert customers.customer_of(shared) == "one"
