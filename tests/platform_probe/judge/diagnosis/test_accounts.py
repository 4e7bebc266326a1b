"""Whom an unlock may accuse: not the monitor, nor who is refused their own booking."""

from __future__ import annotations

import pytest

from fleet_wire.contract.attempt import PlatformSide, Source
from fleet_wire.contract.causes import Cause
from platform_probe.judge.diagnosis.accounts import is_not_yours
from tests.helpers.watched import Watched

TRIES_OUT = "attack_bruteforce_vehicle_ids"
HARDLY = 0.1
SURE = 0.9
TURNED_DOWN = {"intended": 0.0, "requested": 0.0, "api_answered": 0.1}


def ask(
    watched: Watched,
    car: int,
    status: int = 200,
    problem: str | None = None,
    *,
    source: Source = Source.CUSTOMER,
) -> None:
    """Let one account ask for a car, a second later than for the one before."""
    watched.at(watched.clock.now_s + 1.0).handle_record(
        watched.ended(
            None if status < 400 else Cause.API_REFUSED,
            attempt_id=f"of-{car}",
            trace_id=f"of-{car}",
            vehicle_id=f"car-{car}",
            booking_id=f"booking-{car}",
            source=source,
            stages=TURNED_DOWN,
            platform=PlatformSide(account_id="one", status=status, problem=problem),
        )
    )


def likely(watched: Watched, mode: str) -> float:
    """Return how likely a mode is of the unlock that was diagnosed last."""
    return next((one.probability for one in watched.told[-1].modes if one.mode == mode), 0.0)


@pytest.mark.parametrize(
    ("status", "problem", "is_theirs"),
    [
        (403, "booking-of-another", True),
        (403, "vehicle-not-booked", True),
        (404, "vehicle-unknown", True),
        (404, "booking-unknown", True),
        (403, None, True),
        (404, "NO_SUCH_CAR", True),
        (403, "vehicle-too-far", False),
        (404, "route-unknown", False),
        (409, "booking-not-started", False),
        (409, "booking-ended", False),
        (422, "idempotency-key-reused", False),
        (429, "too-many-requests", False),
        (200, None, False),
        (None, None, False),
    ],
)
def test_refusals_of_what_is_not_ones_own(
    status: int | None, problem: str | None, *, is_theirs: bool
) -> None:
    """Whose a car is the statuses 403 and 404 say, unless their type says something else."""
    assert is_not_yours(PlatformSide(status=status, problem=problem)) is is_theirs


@pytest.mark.parametrize("source", [Source.CUSTOMER, Source.PROBE])
def test_a_monitor_that_opens_many_cars_is_no_attack(source: Source) -> None:
    """One wrong line in its bookings, or three, makes it nobody who tries out ids."""
    watched = Watched()
    for car in range(17):
        ask(watched, car, source=source)
    for car in range(17, 21):
        ask(watched, car, 404, "booking-unknown", source=source)
    is_customer = source is Source.CUSTOMER
    assert ("many_cars_of_one" in watched.facts()) is is_customer
    assert (likely(watched, TRIES_OUT) > SURE) is is_customer
    assert is_customer or likely(watched, TRIES_OUT) < HARDLY


def test_customers_are_not_held_against_what_a_monitor_is_refused() -> None:
    """Its token, or its file of bookings, is wrong: that says nothing of anybody else's."""
    watched = Watched()
    for car in range(12):
        ask(watched, car, 401, "unauthenticated", source=Source.PROBE)
    ask(watched, 12, 401, "unauthenticated")
    assert "signed_out_alone" in watched.facts()
    assert watched.facts().isdisjoint({"many_fail", "said_signed_out"})
    for car in range(13, 16):
        ask(watched, car, 401, "unauthenticated")
    for car in range(16, 40):
        ask(watched, car, 200, source=Source.PROBE)
    ask(watched, 40, 401, "unauthenticated")
    assert "said_signed_out" in watched.facts()  # however many the monitor asks for beside


def test_who_is_refused_their_own_booking_tries_out_nothing() -> None:
    """A fleet's account asks for many cars, mistakes some, and comes too early to another."""
    watched = Watched()
    for car in range(20):
        ask(watched, car)
    for car in range(20, 25):
        ask(watched, car, 403, "booking-of-another")
    assert likely(watched, TRIES_OUT) > SURE
    for car, status, problem in (
        (25, 409, "booking-not-started"),
        (26, 422, "idempotency-key-reused"),
    ):
        ask(watched, car, status, problem)
        assert "cars_of_others" not in watched.facts()
        assert likely(watched, TRIES_OUT) < HARDLY * 2
