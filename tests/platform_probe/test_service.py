"""The process: how long it waits for what is in flight."""

from __future__ import annotations

import pytest

from platform_probe.service import DRAIN_MARGIN_S, drain_s
from platform_probe.settings import LoadSettings


@pytest.mark.parametrize(
    ("load", "patience_s"),
    [
        ({"deadline_s": 20}, 20),
        ({"deadline_s": 7, "every_s": 60, "vehicles": ["a"]}, 14),
        ({"deadline_s": 7, "every_s": 60, "vehicles": ["a"], "relock": False}, 7),
    ],
)
def test_drain_lasts_as_long_as_the_slowest_unlock(
    load: dict[str, object], patience_s: float
) -> None:
    """Until the deadline of one that has just begun; where cars are locked again, one lock more."""
    assert drain_s(LoadSettings.model_validate(load)) == patience_s + DRAIN_MARGIN_S
