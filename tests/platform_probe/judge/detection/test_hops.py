"""What slow means."""

from __future__ import annotations

import pytest

from platform_probe.judge.detection.hops import EVERY_S, SAMPLES, Hops
from tests.helpers.records import attempt_of


def slow_when_published_takes(hop_s: float, hops: Hops, from_s: float, unlocks: int) -> list[bool]:
    """Return for each of an hour's unlocks whether the way to the broker was slow."""
    attempt = attempt_of(total_s=0.5 + hop_s)
    at = [from_s + EVERY_S * number / unlocks for number in range(unlocks)]
    return [bool(hops.slow(attempt, at_s)) for at_s in at]


@pytest.mark.parametrize("an_hour", [2 * SAMPLES, 20 * SAMPLES])
def test_what_is_slow_is_learned_anew_in_a_fleet_of_any_size(an_hour: int) -> None:
    """Two seconds more are slow for hours, and usual within a day; so is what was usual before."""
    hops = Hops()
    for hour in range(3):
        assert not any(slow_when_published_takes(0.1, hops, hour * EVERY_S, an_hour))
    slow_hours = 0
    while any(slow_when_published_takes(2.0, hops, (3 + slow_hours) * EVERY_S, an_hour)):
        slow_hours += 1
        assert slow_hours < 24
    assert slow_hours >= 2
    assert not any(slow_when_published_takes(0.1, hops, 30 * EVERY_S, an_hour))
