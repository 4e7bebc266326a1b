"""Faults at the broker, on the broker model in virtual time."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fleet_sim.broker.control import BrokerSettings, tightest
from fleet_sim.faults.broker import FILLER_WINDOW, QueueFullDrop, ReconnectStorm
from tests.helpers.faulty import Street


def test_queues_of_many_cars_are_filled_in_turn() -> None:
    """More messages than a link lets wait at once."""
    street = Street(count=30, max_queued_messages=100)
    assert FILLER_WINDOW < 30 * 100
    street.inject(QueueFullDrop(), 20.0)
    street.let_pass(10.0)
    for car in range(30):
        street.unlock(f"c{car}", car=car)
    street.let_pass(1.0)
    assert set(street.broker.router.dropped) == {f"car-{car}" for car in range(30)}


def test_a_full_queue_asks_for_the_brokers_limit() -> None:
    """The run starts its broker with it."""
    faults = [QueueFullDrop(max_queued_messages=limit) for limit in (9, 7, 8)]
    asked = [fault.broker_settings() for fault in (*faults, ReconnectStorm())]
    assert asked[-1] == BrokerSettings()
    assert asked[-1].mosquitto_config() == ""
    assert tightest(asked) == BrokerSettings(max_queued_messages=7)
    assert tightest(asked).mosquitto_config() == "max_queued_messages 7\n"


def test_a_queue_without_a_limit_is_never_full() -> None:
    """Any limit is tighter than 0, and the fault refuses a queue that never fills."""
    unlimited = BrokerSettings(max_queued_messages=0)
    assert unlimited.mosquitto_config() == "max_queued_messages 0\n"
    assert tightest([unlimited, BrokerSettings()]) == unlimited
    assert tightest([unlimited, BrokerSettings(max_queued_messages=7)]).max_queued_messages == 7
    with pytest.raises(ValidationError, match="max_queued_messages"):
        QueueFullDrop(max_queued_messages=0)
