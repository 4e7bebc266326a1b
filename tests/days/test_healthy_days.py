"""Healthy fleets wake nobody. The thirty days are `make days`; here are hours of each fleet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.healthy_days import CITY, SLEEPERS, VILLAGE, HealthyFleet, lived, woken_by
from tests.helpers.judged import told
from tests.helpers.watched_fleet import ANSWERED_AT

pytestmark = pytest.mark.long

HOURS = 4


@pytest.mark.parametrize(
    ("healthy", "from_hour"),
    [(CITY, 5), (SLEEPERS, 16), (VILLAGE, 0)],
    ids=["the city in the morning", "sleeping cars in the evening", "the village at night"],
)
@pytest.mark.prometheus
def test_hours_in_which_nobody_is_woken(
    healthy: HealthyFleet, from_hour: int, tmp_path: Path
) -> None:
    """Under two monitors, one of which restarts, and both of whose connections blink."""
    fleet = lived(healthy, days=HOURS / 24, seed=5, from_hour=from_hour)
    assert told(woken_by(fleet, tmp_path)) == []
    assert fleet.platform.unlocks > 0


@pytest.mark.prometheus
def test_answers_that_explain_nothing_wake_somebody(tmp_path: Path) -> None:
    """The same morning and the same open doors, with every third answer an error: one page."""
    fleet = lived(CITY, days=HOURS / 24, seed=5, from_hour=5, generic_share=1 / 3)
    woken = woken_by(fleet, tmp_path)
    assert {firing.name for firing in woken} == {"AnswersExplainNothing"}
    assert {firing.labels["endpoint"] for firing in woken} == {*ANSWERED_AT}
