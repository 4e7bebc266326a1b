"""The evidence that a share has risen."""

from __future__ import annotations

import math

import pytest

from fleet_wire.randomness import RandomStream
from platform_probe.judge.detection.evidence import Evidence

USUAL = 0.02
RUNS = 60


def run_length(share: float, limit: float, number: int) -> int:
    """Return how many events it takes until the evidence exceeds a limit."""
    stream = RandomStream.named(number, "run")
    evidence = Evidence(USUAL)
    events = 0
    while True:
        missed = int(math.log(1.0 - stream.uniform()) / math.log(1.0 - share))
        events += missed + 1
        evidence.misses(missed)
        if evidence.hit() > limit:
            return events


def test_false_alarms_are_as_rare_as_the_limit_says() -> None:
    """While nothing has changed it takes as many events as the limit, on average (Pollak, 1987)."""
    lengths = [run_length(USUAL, 1_000.0, number) for number in range(RUNS)]
    assert sum(lengths) / RUNS >= 1_000.0


@pytest.mark.parametrize(("share", "most"), [(0.05, 1.5), (0.1, 1.5), (0.2, 1.5), (0.5, 1.6)])
def test_changes_of_every_size_are_found_near_the_bound(share: float, most: float) -> None:
    """One test finds 5 % and 50 %: within 1.5 times ln(A) / KL, what no test can beat (Lorden)."""
    limit = 1e7
    lengths = [run_length(share, limit, number) for number in range(RUNS)]
    distance = share * math.log(share / USUAL) + (1 - share) * math.log((1 - share) / (1 - USUAL))
    assert sum(lengths) / RUNS <= most * math.log(limit) / distance + 3


def test_an_outage_is_found_within_ten_unlocks() -> None:
    """When nearly all fail, nobody waits for more."""
    lengths = [run_length(0.99, 2e7, number) for number in range(RUNS)]
    assert max(lengths) <= 10


def test_events_that_come_together_are_one_step() -> None:
    """Their order tells nothing: five hits among two thousand are what is usual of them."""
    evidence = Evidence(0.0005)
    for _ in range(100):
        evidence.step(2_000, 1)
    assert evidence.step(2_000, 5) < 1_000.0
    assert evidence.step(2_000, 200) > 1e9
