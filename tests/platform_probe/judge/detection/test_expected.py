"""Which share is expected at an hour."""

from __future__ import annotations

from platform_probe.cars.state import UNKNOWN_LABELS
from platform_probe.judge.detection.expected import BLOCK_S
from platform_probe.judge.detection.measures import FAILED
from platform_probe.judge.detection.traits import values_of_car
from platform_probe.judge.detection.watched_cohorts import WatchedCohorts

VALUES = values_of_car(UNKNOWN_LABELS)
NIGHT_H = 6
"""A night of six hours, in which few cars are opened and three times as many fail."""


def after(hours: int) -> WatchedCohorts:
    """Return cohorts that were watched for so many hours from midnight on."""
    cohorts = WatchedCohorts()
    for block in range(hours * 2):
        is_night = block // 2 % 24 < NIGHT_H
        unlocks, hits = (50, 2) if is_night else (700, 9)
        for watched in cohorts.cohorts_of(VALUES, block * BLOCK_S):
            series = cohorts.series(watched, FAILED, block * BLOCK_S, block * BLOCK_S)
            watched.count += unlocks
            series.block_hits += hits
        for at_s in (block * BLOCK_S, (block + 1) * BLOCK_S):
            cohorts.learn_until(at_s, at_s, troubled=frozenset())
    return cohorts


def test_each_hour_is_expected_to_be_as_it_was() -> None:
    """After a day the last hour of a night is not expected to be as good as the morning.

    The morning has many times as many unlocks. After a week each hour is expected to be as it was,
    within the margins of what was learned: 4 % at night, 1.3 % by day.
    """
    cohorts = after(24)
    late_night = cohorts.expected(FAILED, (), (24 + NIGHT_H - 0.5) * 3600.0)
    noon = cohorts.expected(FAILED, (), 36 * 3600.0)
    assert late_night > 1.3 * noon
    cohorts = after(24 * 7)
    for hour in (0.5, 3.5, NIGHT_H - 0.5):
        assert 0.03 < cohorts.expected(FAILED, (), (24 * 7 + hour) * 3600.0) < 0.06
    assert 0.012 < cohorts.expected(FAILED, (), (24 * 7 + 12.5) * 3600.0) < 0.02
