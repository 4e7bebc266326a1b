"""What one car has told over time."""

from __future__ import annotations

import msgspec
import pytest

from fleet_wire.contract.messages import Telemetry
from platform_probe.judge.diagnosis.car_history import CarHistory
from platform_probe.judge.diagnosis.records import past_of
from tests.helpers.records import attempt_of


def test_an_unlock_is_forgotten_after_hours() -> None:
    """The next one of the car makes room; one of the same time stays, and a revised one is one."""
    car = CarHistory()
    for hours in (0.0, 4.0, 9.0, 9.0):
        began_s = hours * 3600.0
        record = msgspec.structs.replace(attempt_of(), attempt_id=f"at-{hours}")
        car.take_attempt(past_of(record, began_s))
    assert [past.attempt_id for past in car.attempts] == ["at-4.0", "at-9.0"]


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param((0.0, 60.0, 120.0, 600.0), id="a silence"),
        pytest.param((0.0, 60.0, 120.0, 235.0, 240.0, 300.0, 360.0), id="one that came late"),
        pytest.param((0.0, 60.0, 180.0, 180.01, 180.02, 240.0), id="what TCP held back"),
    ],
)
def test_the_usual_interval_between_heartbeats_stays(seconds: tuple[float, ...]) -> None:
    """A box that was away does not make it longer, and a burst does not make it shorter."""
    car = CarHistory()
    for second in seconds:
        car.take_telemetry(Telemetry(-80.0, 12.5, 0.0), second)
    assert car.interval_s == pytest.approx(60.0, abs=0.1)
