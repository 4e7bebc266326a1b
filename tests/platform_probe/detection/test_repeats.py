"""Which unlocks count."""

from __future__ import annotations

from fleet_wire.contract.causes import Cause
from platform_probe.detection.repeats import SICK_S, Repeats
from tests.helpers.findings import Watched


def test_a_customer_who_presses_again_counts_once() -> None:
    """The same failure a minute later says nothing new, and neither does the try that opens."""
    repeats, watched = Repeats(), Watched()
    failed = watched.unlock(cause=Cause.BOX_SILENT)
    opened = watched.unlock(vehicle_id=failed.vehicle_id, platform=failed.platform)
    assert repeats.counts(failed, 0.0, is_hit=True)
    assert not repeats.counts(failed, 60.0, is_hit=True)
    assert not repeats.counts(opened, 120.0, is_hit=False)


def test_a_customer_who_takes_another_car_that_fails_counts_once() -> None:
    """It may be the phone."""
    repeats, watched = Repeats(), Watched()
    failed = watched.unlock(cause=Cause.BOX_SILENT)
    other = watched.unlock(cause=Cause.BOX_SILENT, platform=failed.platform)
    assert repeats.counts(failed, 0.0, is_hit=True)
    assert not repeats.counts(other, 120.0, is_hit=True)


def test_a_sick_car_counts_once_in_a_while() -> None:
    """Whoever comes to it: it is one car."""
    repeats, watched = Repeats(), Watched()
    failed = watched.unlock(cause=Cause.BOX_SILENT)
    again = watched.unlock(cause=Cause.BOX_SILENT, vehicle_id=failed.vehicle_id)
    assert repeats.counts(failed, 0.0, is_hit=True)
    assert not repeats.counts(again, 1_800.0, is_hit=True)
    assert repeats.counts(again, SICK_S + 1.0, is_hit=True)


def test_cars_that_open_count_each_time() -> None:
    """Another customer's unlock is another event."""
    repeats, watched = Repeats(), Watched()
    for number in range(3):
        opened = watched.unlock(vehicle_id="car-1")
        assert repeats.counts(opened, 60.0 * number, is_hit=False)
