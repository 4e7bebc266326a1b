"""The process: how long it waits for what is in flight, and how much it keeps."""

from __future__ import annotations

import pytest

from platform_probe.outputs.files import Rotation
from platform_probe.service import DRAIN_MARGIN_S, _rotation, drain_s
from platform_probe.settings import LoadSettings, ProbeSettings


def test_records_and_log_are_bounded_unless_somebody_says_otherwise() -> None:
    """By default two weeks of days, each of 100 MiB at most."""
    assert _rotation(ProbeSettings()) == Rotation(100 * 2**20, 86_400.0, 14)
    assert _rotation(ProbeSettings(rotation=None)) is None


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
