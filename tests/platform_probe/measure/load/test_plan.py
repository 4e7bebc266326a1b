"""The plan: decided by the seed alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice, pairwise

import pytest

from fleet_wire.arrivals import Constant, LoadStage, Poisson, arrival_times
from fleet_wire.randomness import RandomStream
from platform_probe.measure.load.plan import LoadPlan, PlannedStart, TurnPlan

POISSON = Poisson(rate_per_s=50, duration_s=10)
DEADLINE_S = 2.0
CARS = [f"car-{number}" for number in range(20)]


def plan_of(
    seed: int = 7,
    *,
    stage: LoadStage = POISSON,
    cars: Sequence[str] = CARS,
    double_taps: float = 0.0,
    repeat: bool = False,
) -> LoadPlan:
    """Return a plan of ten seconds; an unlock may last for two."""
    return LoadPlan(
        stages=(stage,),
        vehicles=cars,
        seed=seed,
        deadline_s=DEADLINE_S,
        double_taps=double_taps,
        repeat=repeat,
    )


def gaps_s(plan: Iterable[PlannedStart]) -> list[float]:
    """Return how long after the last unlock of its car each unlock starts, but for the first."""
    gaps: list[float] = []
    last_s: dict[str, float] = {}
    for start in plan:
        if start.vehicle_id in last_s:
            gaps.append(start.scheduled_s - last_s[start.vehicle_id])
        last_s[start.vehicle_id] = start.scheduled_s
    return gaps


def test_plan_is_the_same_each_time() -> None:
    """Equal seeds give equal plans, other seeds others."""
    assert list(plan_of()) == list(plan_of())
    assert plan_of().digest() == plan_of().digest()
    assert plan_of(8).digest() != plan_of().digest()


def test_times_and_targets_have_streams_of_their_own() -> None:
    """More cars change which car is unlocked, never when."""
    fewer = plan_of(cars=CARS[:3])
    assert [start.scheduled_s for start in fewer] == [start.scheduled_s for start in plan_of()]
    expected = arrival_times([POISSON], RandomStream.named(7, "load/arrivals"))
    assert [start.scheduled_s for start in plan_of()] == expected


def test_repetitions_follow_each_other_and_differ() -> None:
    """The second repetition begins where the first ends, with other draws."""
    first = list(plan_of())
    starts = list(islice(plan_of(repeat=True), len(first) * 2))
    assert starts[: len(first)] == first
    assert starts[len(first)].scheduled_s >= POISSON.duration_s
    assert starts == sorted(starts, key=lambda start: start.scheduled_s)
    constant = plan_of(1, stage=Constant(rate_per_s=2, duration_s=3), repeat=True)
    assert [start.scheduled_s for start in islice(constant, 12)] == [n / 2 for n in range(12)]
    second = [round(start.scheduled_s - 10, 6) for start in starts[len(first) :]]
    assert second != [round(start.scheduled_s, 6) for start in first]


def test_one_customer_one_car() -> None:
    """Nobody is sent to a car whose unlock may still be open, over the seam of repetitions too."""
    many = [f"car-{number}" for number in range(150)]
    starts = islice(plan_of(cars=many, repeat=True), 2_000)
    gaps = gaps_s(starts)
    assert len(gaps) == 2_000 - len(many)
    assert min(gaps) >= DEADLINE_S


def test_free_cars_are_picked_evenly() -> None:
    """Each of the cars that are free is as likely as the others."""
    stage = Constant(rate_per_s=1, duration_s=20_000)
    counts = Counter(start.vehicle_id for start in plan_of(stage=stage))
    assert len(counts) == len(CARS)
    assert max(counts.values()) < 1_100
    assert min(counts.values()) > 900


def test_too_few_cars_are_taken_in_turn() -> None:
    """Where all are taken it is the one whose unlock ends the soonest: the gap is the longest."""
    stage = Constant(rate_per_s=50, duration_s=10)
    starts = list(plan_of(stage=stage))
    turn = [start.vehicle_id for start in starts[: len(CARS)]]
    assert sorted(turn) == sorted(CARS)
    assert [start.vehicle_id for start in starts] == turn * 25


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_a_second_tap_is_on_the_car_before(share: float) -> None:
    """So many unlocks as the scenario asks for, and at the same times as without."""
    many = [f"car-{number}" for number in range(1_000)]
    tapped = list(plan_of(cars=many, double_taps=share))
    again = sum(one.vehicle_id == other.vehicle_id for one, other in pairwise(tapped))
    assert again == pytest.approx(share * len(tapped), rel=0.2)
    assert sum(gap_s < DEADLINE_S for gap_s in gaps_s(tapped)) == again
    once = plan_of(cars=many)
    assert [one.scheduled_s for one in tapped] == [one.scheduled_s for one in once]


def test_nobody_taps_on_a_car_that_has_answered_long_ago() -> None:
    """A second tap is one while the first may be open; else it is an ordinary unlock."""
    stage = Constant(rate_per_s=0.25, duration_s=400)
    assert list(plan_of(stage=stage, double_taps=1.0)) == list(plan_of(stage=stage))


def test_each_car_has_its_turn_once_in_the_interval() -> None:
    """In an order that the seed decides, the same in every turn, evenly spread, for ever."""
    plan = TurnPlan(vehicles=[*CARS, CARS[0]], every_s=100.0, seed=7)
    starts = list(islice(plan, 3 * len(CARS)))
    assert [start.scheduled_s for start in starts[:3]] == [0.0, 5.0, 10.0]
    order = [start.vehicle_id for start in starts[: len(CARS)]]
    assert [start.vehicle_id for start in starts] == 3 * order
    assert sorted(order) == sorted(CARS)
    assert order != CARS
    at_s = [start.scheduled_s for start in starts if start.vehicle_id == CARS[4]]
    assert [later - earlier for earlier, later in pairwise(at_s)] == [100.0, 100.0]
    assert plan.digest() != TurnPlan(vehicles=CARS, every_s=200.0, seed=7).digest()
