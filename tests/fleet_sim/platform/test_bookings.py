"""Tests of `fleet_sim.platform.bookings`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.platform.bookings import Booking, Bookings
from fleet_wire.contract import problems

NOW = 1000.0
REMEMBER_S = 7_200.0


def booking(booking_id: str = "b1", **more: Any) -> Booking:
    """Return a booking of an hour from now on, where `more` says nothing else."""
    values = {
        "account_id": "anna", "vehicle_id": "car-0", "starts_at": NOW, "ends_at": NOW + 3600,
    }  # fmt: skip
    return Booking(booking_id=booking_id, **{**values, **more})


@pytest.fixture
def bookings() -> Bookings:
    """Return none yet, at most a day long."""
    return Bookings(max_booking_s=86_400, remember_s=REMEMBER_S)


def test_a_car_is_booked_once_at_a_time(bookings: Bookings) -> None:
    """Before and after it is free, to the second."""
    assert bookings.book(booking("b1", starts_at=NOW + 100, ends_at=NOW + 200), NOW) is None
    for start, end in ((50, 101), (199, 300), (120, 130), (0, 500)):
        times = {"starts_at": NOW + start, "ends_at": NOW + end}
        taken, again = booking("b2", account_id="bert", **times), booking("b2", **times)
        assert bookings.book(taken, NOW) is problems.VEHICLE_TAKEN
        assert bookings.book(again, NOW) is problems.VEHICLE_TAKEN_BY_SELF
    assert bookings.book(booking("b3", starts_at=NOW, ends_at=NOW + 100), NOW) is None
    assert bookings.book(booking("b4", starts_at=NOW + 200, ends_at=NOW + 300), NOW) is None


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [(NOW, NOW), (NOW + 5, NOW), (NOW - 61, NOW + 10), (NOW, NOW + 86_401), (NOW - 30, NOW - 1)],
)
def test_impossible_times(bookings: Bookings, starts_at: float, ends_at: float) -> None:
    """Backwards, in the past, or too long."""
    wrong = booking(starts_at=starts_at, ends_at=ends_at)
    assert bookings.book(wrong, NOW) is problems.BOOKING_TIMES


def test_who_may_use_it_when(bookings: Bookings) -> None:
    """Each wrong one has a problem of its own."""
    own = booking(starts_at=NOW + 10, ends_at=NOW + 20)
    bookings.book(own, NOW)

    def use(booking_id: str, account: str, vehicle: str | None, now: float) -> Any:
        return bookings.in_use(booking_id, account, vehicle_id=vehicle, now=now)

    assert use("b1", "anna", None, NOW + 10) is own
    assert use("b1", "anna", "car-0", NOW + 19) is own
    assert use("b1", "bert", None, NOW + 10) is problems.BOOKING_OF_ANOTHER
    assert use("b2", "anna", None, NOW + 10) is problems.BOOKING_UNKNOWN
    assert use("b1", "anna", "car-1", NOW + 10) is problems.VEHICLE_NOT_BOOKED
    assert use("b1", "anna", None, NOW + 9) is problems.BOOKING_NOT_STARTED
    assert use("b1", "anna", None, NOW + 20) is problems.BOOKING_ENDED


def test_extended_as_far_as_the_next_one(bookings: Bookings) -> None:
    """It only gets longer, and never reaches into another customer's."""
    own = booking(ends_at=NOW + 100)
    bookings.book(own, NOW)
    next_one = booking("b2", account_id="bert", starts_at=NOW + 200, ends_at=NOW + 300)
    bookings.book(next_one, NOW)
    assert bookings.extend(own, NOW + 50, NOW) is problems.BOOKING_TIMES
    assert bookings.extend(own, NOW + 201, NOW) is problems.VEHICLE_TAKEN
    assert bookings.extend(own, NOW + 200, NOW) is None
    assert own.ends_at == NOW + 200
    assert bookings.extend(own, NOW + 900, NOW + 200) is problems.BOOKING_ENDED


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20), st.booleans()), max_size=30))
def test_none_ever_overlap(wanted: list[tuple[int, int, bool]]) -> None:
    """Whatever is booked and ended in whatever order."""
    bookings, made = Bookings(max_booking_s=86_400, remember_s=REMEMBER_S), list[Booking]()
    for number, (start, length, ends) in enumerate(wanted):
        one = booking(str(number), starts_at=NOW + start, ends_at=NOW + start + length)
        if bookings.book(one, NOW) is None:
            made.append(one)
        if ends and made:
            bookings.end_early(made.pop(0), NOW)
    spans = sorted((one.starts_at, one.ends_at) for one in made)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))


@pytest.mark.parametrize(("at_s", "was_ended"), [(10.0, True), (3600.0, False)])
def test_one_that_is_over_is_not_ended_by_its_customer(
    bookings: Bookings, at_s: float, *, was_ended: bool
) -> None:
    """A box whose clock is a little behind may still have moved the lock by then."""
    own = booking()
    bookings.book(own, NOW)
    bookings.end_early(own, NOW + at_s)
    assert (own.ends_at, own.was_ended) == (NOW + at_s, was_ended)
