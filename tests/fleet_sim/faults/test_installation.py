"""Faults of how a box is built into its car, in virtual time."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.faults.installation import EventStormSelfDdos, LooseWiring
from fleet_wire.contract.messages import CarEvent, EventName
from tests.helpers.fake_link import Bench, bench
from tests.helpers.faulty import Street, answers, inject
from tests.helpers.listener import Listener


def key_events(car: Bench) -> int:
    """Return how many events of the key the box has sent."""
    wanted = CarEvent(EventName.KEY_FOB)
    return sum(message == wanted for _, message in car.link.sent)


def test_events_flood_the_uplink_and_answers_wait_behind_them() -> None:
    """20 a second come and 10 leave: after 5 s 50 wait, and an answer takes 5 s."""
    car = bench()
    inject(EventStormSelfDdos(), car, 60.0)
    car.env.run(until=5.05)
    assert 49 <= key_events(car) <= 51
    car.deliver(car.command("c1"))
    car.env.run(until=9.5)
    assert answers(car) == []
    car.env.run(until=10.5)
    assert len(answers(car)) == 2


def test_the_queue_is_limited_and_a_quiet_key_holds_nothing_up() -> None:
    """An answer waits for 20 messages, 2 s, and for the answer before it; afterwards none does."""
    car = bench()
    inject(EventStormSelfDdos(queue=20), car, 60.0)
    car.env.run(until=50)
    car.deliver(car.command("c1"))
    car.env.run(until=52.3)
    assert len(answers(car)) == 2
    car.env.run(until=62.5)
    flood = key_events(car)
    assert 610 <= flood <= 622
    car.deliver(car.command("c2"))
    assert len(answers(car)) == 4
    car.env.run(until=100)
    assert key_events(car) == flood


def test_a_modem_that_keeps_up_holds_nothing_up() -> None:
    """5 events a second are only a nuisance: an answer waits for one of them at most."""
    car = bench()
    inject(EventStormSelfDdos(rate_per_s=5.0), car, 60.0)
    car.env.run(until=50)
    assert 248 <= key_events(car) <= 251
    car.deliver(car.command("c1"))
    car.env.run(until=50.5)
    assert len(answers(car)) == 2


def test_what_waited_in_the_queue_does_not_come_last() -> None:
    """The car locks itself again when the key sits well, while its unlock still waits."""
    street = Street(parameters=NULL_BOX.model_copy(update={"relock_after_s": 10.0}))
    street.inject(EventStormSelfDdos(), 60.0)
    street.pass_s(55.0)
    street.unlock("c1")
    street.pass_s(100.0)
    retained = Listener.of(street.broker, "cars/car-0/state")
    street.pass_s(1.0)
    assert street.boxes[0].vehicle.is_locked
    assert [state.is_locked for state in retained.states()] == [True]
    assert {hit.command_id for hit in street.hits} == {"c1"}


def test_events_without_a_connection_are_lost() -> None:
    """They are not worth waiting for."""
    car = bench(connects_at_once=False)
    inject(EventStormSelfDdos(), car, 10.0)
    car.env.run(until=11)
    assert key_events(car) == 0


def test_a_contact_that_is_bad_enough_is_no_coverage() -> None:
    """More than 35 dB below -85 dBm no modem finds a cell."""
    car = bench()
    fault = LooseWiring(
        good=Uniform(base_s=1.0), bad=Uniform(base_s=5.0), weakest_db=100.0, supply=0.0
    )
    inject(fault, car, 600.0)
    has_coverage = set()
    for second in range(600):
        car.env.run(until=second + 0.5)
        has_coverage.add(car.box.modem.connection.has_coverage)
    assert has_coverage == {True, False}
    car.env.run(until=601)
    assert car.box.modem.connection.has_coverage


def test_a_contact_that_is_neither_good_nor_bad_for_any_time_is_refused() -> None:
    """It would change again and again at one moment."""
    with pytest.raises(ValidationError, match="good and bad are both 0 s"):
        LooseWiring.model_validate({"good": 0, "bad": 0})
    assert LooseWiring.model_validate({"good": 0, "bad": 1}).good == Uniform(base_s=0.0)
