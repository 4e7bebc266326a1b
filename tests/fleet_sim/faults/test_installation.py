"""Faults of how a box is built into its car, in virtual time."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fleet_sim.cars.distributions import Uniform
from fleet_sim.faults.installation import EventStormSelfDdos, LooseWiring
from fleet_wire.contract.messages import CarEvent, EventName
from tests.helpers.fake_link import Bench, bench
from tests.helpers.faulty import inject


def key_events(car: Bench) -> int:
    """Return how many events of the key the box has sent."""
    wanted = CarEvent(EventName.KEY_FOB)
    return sum(message == wanted for _, message in car.link.sent)


def test_events_without_a_connection_are_lost() -> None:
    """They are not worth waiting for."""
    car = bench(connects_at_once=False)
    inject(EventStormSelfDdos(), car, 10.0)
    car.env.run(until=11)
    assert key_events(car) == 0


def test_a_contact_that_is_neither_good_nor_bad_for_any_time_is_refused() -> None:
    """It would change again and again at one moment."""
    with pytest.raises(ValidationError, match="good and bad are both 0 s"):
        LooseWiring.model_validate({"good": 0, "bad": 0})
    assert LooseWiring.model_validate({"good": 0, "bad": 1}).good == Uniform(base_s=0.0)
