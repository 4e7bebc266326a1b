"""The last two hours of unlocks: added up by step, and bounded."""

from __future__ import annotations

import pytest

from platform_probe.cars.state import UNKNOWN_LABELS
from platform_probe.judge.detection import recent as module
from platform_probe.judge.detection.recent import KEPT_S, STEP_S, Recent
from platform_probe.judge.detection.traits import Values, values_of_car

UNKNOWN = values_of_car(UNKNOWN_LABELS)

HERE: Values = ("north", *UNKNOWN[1:])
MANY = 3


def test_what_is_too_old_is_forgotten_and_leaves_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many sums the earliest steps go; a step that is over counts no longer among them."""
    monkeypatch.setattr(module, "MOST_LEAVES", MANY)
    recent = Recent()
    for values in (UNKNOWN, HERE, UNKNOWN):
        recent.add_unlock(0.0, values)
    recent.add_unlock(STEP_S, UNKNOWN)
    recent.add_unlock(STEP_S, HERE)
    recent.add_unlock(2 * STEP_S, HERE)
    assert recent.totals(0.0) == {UNKNOWN: 1, HERE: 2}
    for _ in range(2):
        recent.add_unlock(3 * STEP_S + KEPT_S, HERE)
    recent.add_unlock(4 * STEP_S + KEPT_S, UNKNOWN)
    recent.add_unlock(5 * STEP_S + KEPT_S, UNKNOWN)
    assert recent.totals(0.0) == {UNKNOWN: 2, HERE: 2}


def test_what_came_before_a_moment_is_not_counted_since_then() -> None:
    """Also where both are of one step: else 6 of 6 that failed are told as 6 of 11."""
    recent = Recent()
    for at_s in (1.0, 2.0, 3.0):
        recent.add_unlock(at_s, UNKNOWN)
    recent.add_unlock(20.0, HERE)
    recent.add_unlock(STEP_S + 1.0, HERE)
    assert recent.totals(10.0) == {UNKNOWN: 0, HERE: 2}
    assert recent.totals(0.0) == {UNKNOWN: 3, HERE: 2}
