"""What one car has told over time."""

from __future__ import annotations

import msgspec
import pytest

from fleet_wire.contract.messages import Telemetry
from fleet_wire.contract.partial import PartialState, PartialTelemetry
from platform_probe.judge.diagnosis.car_history import KEPT, CarHistory
from platform_probe.judge.diagnosis.census import is_lost_at
from platform_probe.judge.diagnosis.records import past_of
from tests.helpers.hand_made_boxes import state_of
from tests.helpers.records import attempt_of
from tests.helpers.watched import ONLINE


def test_history_is_bounded() -> None:
    """A car that flaps, reports and moves its lock for ever is remembered no longer."""
    car = CarHistory()
    for second in range(500):
        car.take_presence(ONLINE, float(second), retained=False)
        car.take_telemetry(Telemetry(-80.0, 12.5, 0.0), float(second))
        car.take_state(state_of("car-1", is_locked=bool(second % 2)), float(second), retained=False)
    for kept in (car.changes, car.beats, car.heard, car.locks):
        assert len(kept) == KEPT


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


def test_a_lock_that_springs_open_is_a_bounce_until_it_holds() -> None:
    """Locked for a second only, by one command; the next lock that holds ends it."""
    car = CarHistory()
    car.take_state(state_of("car-1", is_locked=True, command_id="close"), 10.0, retained=False)
    car.take_state(state_of("car-1", is_locked=False, command_id="close"), 10.6, retained=False)
    bounced = car.bounced()
    assert bounced is not None
    assert bounced.at_s == 10.6
    car.take_state(state_of("car-1", is_locked=True, command_id="close-2"), 90.0, retained=False)
    assert car.bounced() is None


def test_each_kind_of_message_has_a_cadence_of_its_own() -> None:
    """A wire sends one value a message, each once a minute, and some close to each other."""
    car = CarHistory()
    for minute in range(5):
        at_s = 60.0 * minute
        car.take_telemetry(PartialTelemetry(signal_dbm=-80.0), at_s)
        car.take_telemetry(PartialTelemetry(voltage_v=12.5), at_s + 3.0)
        car.take_telemetry(PartialTelemetry(uptime_s=at_s), at_s + 20.0)
    assert car.interval_s == 60.0
    assert is_lost_at(car, 350.0) is False
    car.take_presence(ONLINE, 350.0, retained=True)
    assert not is_lost_at(car, 355.0)
    assert is_lost_at(car, 500.0)


def test_a_report_without_labels_erases_none() -> None:
    """Each message says one thing; the firmware has not changed by what is left out."""
    car = CarHistory()
    for part in (
        PartialState(region="north", operator="a", firmware="1"),
        PartialState(is_locked=True),
        PartialState(operator="b"),
    ):
        car.take_state(part, 10.0, retained=False)
    assert dict(car.shared_traits) == {"region": "north", "operator": "b", "firmware": "1"}
    assert car.firmware_changed_s is None
    car.take_state(PartialState(firmware="2"), 20.0, retained=False)
    assert car.firmware_changed_s == 20.0
