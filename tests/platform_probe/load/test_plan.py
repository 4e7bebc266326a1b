"""The plan: decided by the seed alone."""

from __future__ import annotations

from itertools import islice

from fleet_wire.arrivals import Constant, Poisson, arrival_times
from fleet_wire.randomness import RandomStream
from platform_probe.load.plan import LoadPlan

POISSON = Poisson(rate_per_s=50, duration_s=10)
CARS = [f"car-{number}" for number in range(20)]


def plan_of(seed: int = 7, *, repeat: bool = False) -> LoadPlan:
    """Return a plan of ten seconds."""
    return LoadPlan(stages=(POISSON,), vehicles=CARS, seed=seed, repeat=repeat)


def test_plan_is_the_same_each_time() -> None:
    """Equal seeds give equal plans, other seeds others."""
    assert list(plan_of()) == list(plan_of())
    assert plan_of().digest() == plan_of().digest()
    assert plan_of(8).digest() != plan_of().digest()


def test_times_and_targets_have_streams_of_their_own() -> None:
    """More cars change which car is unlocked, never when."""
    fewer = LoadPlan(stages=(POISSON,), vehicles=CARS[:3], seed=7)
    assert [start.scheduled_s for start in fewer] == [start.scheduled_s for start in plan_of()]
    expected = arrival_times([POISSON], RandomStream(7, "load/arrivals"))
    assert [start.scheduled_s for start in plan_of()] == expected


def test_every_car_gets_its_turn() -> None:
    """Targets are spread over all cars."""
    assert {start.vehicle_id for start in plan_of()} == set(CARS)


def test_repetitions_follow_each_other_and_differ() -> None:
    """The second repetition begins where the first ends, with other draws."""
    first = list(plan_of())
    starts = list(islice(plan_of(repeat=True), len(first) * 2))
    assert starts[: len(first)] == first
    assert starts[len(first)].scheduled_s >= POISSON.duration_s
    assert starts == sorted(starts, key=lambda start: start.scheduled_s)
    second = [round(start.scheduled_s - 10, 6) for start in starts[len(first) :]]
    assert second != [round(start.scheduled_s, 6) for start in first]


def test_repetition_without_chance_is_evenly_spaced() -> None:
    """A constant rate stays constant over the seam."""
    stage = Constant(rate_per_s=2, duration_s=3)
    plan = LoadPlan(stages=(stage,), vehicles=CARS, seed=1, repeat=True)
    assert [start.scheduled_s for start in islice(plan, 12)] == [n / 2 for n in range(12)]
