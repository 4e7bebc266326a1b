"""Tests of `fleet_sim.customers.arrivals`."""

from __future__ import annotations

from collections import Counter

import pytest

from fleet_sim.customers.arrivals import DAY_S, HOUR_S, RENTAL_STARTS, CustomerStage, Profile
from fleet_wire.arrivals import Burst, arrival_times
from fleet_wire.randomness import RandomStream

SEED = 3


def times(profile: Profile) -> list[float]:
    """Return the arrivals of a profile."""
    return profile.times(RandomStream.named(SEED, "arrivals"))


@pytest.mark.parametrize("day", ["weekday", "weekend"])
def test_a_day_has_the_shape_of_the_table(day: str) -> None:
    """Each hour gets its share, as far as a Poisson process has it."""
    found = times(Profile(day=day, per_day=100_000, duration_s=DAY_S))
    shares = RENTAL_STARTS[day]
    by_hour = Counter(int(at_s // HOUR_S) for at_s in found)
    for hour, share in enumerate(shares):
        expected = 100_000 * share / sum(shares)
        assert abs(by_hour[hour] - expected) < 5 * expected**0.5
    assert found == sorted(found)


def test_a_stage_begins_at_an_hour_and_goes_on_past_midnight() -> None:
    """Times count from its start."""
    found = times(Profile(per_day=24_000, from_hour=22.5, duration_s=4 * HOUR_S))
    assert 0 <= found[0] < found[-1] < 4 * HOUR_S
    early = sum(at_s < 2 * HOUR_S for at_s in found)
    assert early > len(found) - early  # the evening has more than the night


def test_stages_follow_each_other() -> None:
    """A profile, then a burst."""
    stages: list[CustomerStage] = [
        Profile(per_day=24_000, duration_s=HOUR_S),
        Burst(count=3, over_s=0.3, duration_s=10),
    ]
    found = arrival_times(stages, RandomStream.named(SEED, "arrivals"))
    assert found[-3:] == pytest.approx([HOUR_S, HOUR_S + 0.1, HOUR_S + 0.2])
    assert all(at_s < HOUR_S for at_s in found[:-3])
