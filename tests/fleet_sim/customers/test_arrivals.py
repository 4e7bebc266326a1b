"""Tests of `fleet_sim.customers.arrivals`."""

from __future__ import annotations

from fleet_sim.customers.arrivals import HOUR_S, Profile
from fleet_wire.randomness import RandomStream

SEED = 3


def times(profile: Profile) -> list[float]:
    """Return the arrivals of a profile."""
    return profile.times(RandomStream.named(SEED, "arrivals"))


def test_a_stage_begins_at_an_hour_and_goes_on_past_midnight() -> None:
    """Times count from its start."""
    found = times(Profile(per_day=24_000, from_hour=22.5, duration_s=4 * HOUR_S))
    assert 0 <= found[0] < found[-1] < 4 * HOUR_S
    early = sum(at_s < 2 * HOUR_S for at_s in found)
    assert early > len(found) - early  # the evening has more than the night
