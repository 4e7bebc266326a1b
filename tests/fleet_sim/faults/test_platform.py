"""Tests of `fleet_sim.faults.platform`."""

from __future__ import annotations

import pytest

from fleet_sim.platform.failpoints import CLOCKS_S
from fleet_sim.platform.operations import Operation
from fleet_wire.contract import problems
from tests.helpers.platform_bench import CAR
from tests.helpers.struck_platform import StruckPlatform


def test_generic_500_flattens_every_problem() -> None:
    """What was a cause is none any more; what went well is answered well, with no share lost."""
    struck = StruckPlatform("generic_500", successes=0.0)
    assert struck.unlock(customer="bert").problem is problems.INTERNAL_ERROR
    assert struck.unlock().status == 200
    (hit,) = struck.hits
    assert (hit.what, hit.vehicle_id, hit.command_id) == ("answer", CAR, None)
    assert (hit.until_s or 0) - hit.at_s == pytest.approx(2 * CLOCKS_S)


def test_generic_500_loses_a_share_of_what_went_well() -> None:
    """The car opens all the same, and the hit names the command."""
    struck = StruckPlatform("generic_500", successes=1.0)
    answer = struck.unlock()
    assert (answer.status, answer.body["type"]) == (500, "/problems/internal-error")
    assert not struck.bench.box().vehicle.is_locked
    assert [hit.command_id for hit in struck.hits] == [struck.bench.published[0].command_id]


@pytest.mark.parametrize(("customer", "status"), [("anna", 200), ("bert", 403)])
def test_slow_database(customer: str, status: int) -> None:
    """Each answer takes so much longer, and is right; what comes of it, if anything, is hit."""
    struck = StruckPlatform("slow_database", lookup=4.0)
    began_s = struck.bench.env.now
    assert struck.unlock(customer=customer).status == status
    assert struck.bench.env.now >= began_s + 4
    (hit,) = struck.hits
    if status == 200:
        assert (hit.command_id, hit.until_s) == (struck.bench.published[0].command_id, None)
    else:
        assert hit.command_id is None
        assert (hit.until_s or 0) - hit.at_s == pytest.approx(4 + 2 * CLOCKS_S, abs=0.1)


@pytest.mark.parametrize("name", ["generic_500", "slow_database"])
def test_other_cars_are_not_struck(name: str) -> None:
    """Nor is anybody when the window has closed."""
    struck = StruckPlatform(name)
    booking_id = struck.bench.book(vehicle_id="car-1")
    other = struck.bench.unlock(booking_id, vehicle_id="car-1", customer="bert")
    assert other.problem is problems.BOOKING_OF_ANOTHER
    struck.bench.let_pass(100)
    assert (
        struck.bench.answer(Operation.UNLOCK, booking_id=booking_id, vehicle_id=CAR).problem
        is problems.VEHICLE_NOT_BOOKED
    )
    assert not struck.hits
