"""Faults at the broker, on the broker model in virtual time."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fleet_sim.broker.control import BrokerSettings, tightest
from fleet_sim.cars.failpoints import RECONNECT
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.faults import Fault, Hit, Injection
from fleet_sim.faults.broker import (
    FILLER_WINDOW,
    ClientIdTakeover,
    InflightStall,
    QueueFullDrop,
    ReconnectStorm,
)
from fleet_wire.contract import codec
from fleet_wire.contract.messages import Phase, VehicleState
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import Session
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.randomness import RandomStream
from tests.helpers.fake_link import Bench, bench
from tests.helpers.faulty import Street, inject
from tests.helpers.recorder import Recorder

FIXED = ReconnectPolicy(full_jitter=False, base_s=2.0, jitter_s=0.0)
QUICK = NULL_BOX.model_copy(update={"reconnect": FIXED})


def connected(street: Street) -> int:
    """Return how many boxes have a connection."""
    return sum(box.modem.connection.is_up for box in street.boxes)


def next_policy(car: Bench) -> ReconnectPolicy:
    """Return the rule by which the box would connect again now."""
    assert car.box.failpoints is not None
    return car.box.failpoints.at(RECONNECT, None, usual=car.box.spec.parameters.reconnect)


def strike(street: Street, fault: Fault, duration_s: float) -> list[Hit]:
    """Open the window of a fault on all cars now, and return what will be hit."""
    hits: list[Hit] = []
    injection = Injection(
        world=street.world,
        boxes=street.boxes,
        duration_s=duration_s,
        stream_of=lambda vehicle_id: RandomStream.named(1, vehicle_id),
        record=hits.append,
    )
    street.env.process(fault.process(injection))
    return hits


def watching(street: Street, topic_filter: str) -> Recorder:
    """Return a client that hears what else the platform would."""
    watcher = Recorder(street.broker.link, Session("watcher", (topic_filter,)))
    watcher.link.connect()
    street.pass_s(0.1)
    return watcher


def are_locked(watcher: Recorder) -> list[bool]:
    """Return what the states that came say of the lock."""
    states = (codec.decode(TopicKind.STATE, payload) for payload in watcher.payloads)
    return [state.is_locked for state in states if isinstance(state, VehicleState)]


def test_a_storm_brings_all_back_in_the_same_moment() -> None:
    """Nobody is there for 30 s, and then everybody; the last wills have told so."""
    street = Street(count=10)
    said = len(street.platform.presences)
    street.inject(ReconnectStorm(), 60.0)
    street.pass_s(29.9)
    assert connected(street) == 0
    statuses = [status.value for _, status in street.platform.presences[said:]]
    assert statuses == ["offline"] * 10
    street.pass_s(0.2)
    assert connected(street) == 10


def test_jitter_spreads_a_storm() -> None:
    """With 20 s of jitter they come between 30 and 50 s."""
    street = Street(count=10)
    street.inject(ReconnectStorm(jitter_s=20.0), 60.0)
    street.pass_s(40.0)
    assert 0 < connected(street) < 10
    street.pass_s(10.1)
    assert connected(street) == 10


def test_a_storm_comes_in_waves() -> None:
    """Three in 60 s: at 0, 20 and 40."""
    car = bench()
    inject(ReconnectStorm(retry_s=5.0, waves=3), car, 60.0)
    breaks = []
    for second in range(70):
        before = car.link.calls.count("abort")
        car.env.run(until=second + 0.5)
        if car.link.calls.count("abort") > before:
            breaks.append(second)
    assert breaks == [0, 20, 40]
    assert car.link.calls.count("connect") == 4


def test_a_storm_right_after_another_keeps_its_rule() -> None:
    """The end of the first comes at the instant at which the second begins."""
    car = bench(QUICK)
    car.world.later(20.0, lambda: inject(ReconnectStorm(retry_s=7.0), car, 20.0))
    inject(ReconnectStorm(retry_s=5.0), car, 20.0)
    car.env.run(until=21)
    assert next_policy(car).base_s == 7.0


def test_a_full_queue_swallows_the_command() -> None:
    """PUBACK says 0; the box is back, and nothing comes. Then commands work again."""
    street = Street(max_queued_messages=10)
    street.inject(QueueFullDrop(max_queued_messages=10), 20.0)
    street.pass_s(1.0)
    street.unlock("dropped", ttl_s=600)
    street.pass_s(1.0)
    assert street.platform.acks == [0]
    assert street.broker.dropped == {"car-0": 1}
    street.pass_s(30.0)
    assert connected(street) == 1
    assert street.executed() == []
    assert street.world.counts.malformed == 10  # what filled the queue
    street.unlock("works")
    street.pass_s(1.0)
    assert street.executed() == ["works"]


def test_queues_of_many_cars_are_filled_in_turn() -> None:
    """More messages than a link lets wait at once."""
    street = Street(count=30, max_queued_messages=100)
    assert FILLER_WINDOW < 30 * 100
    street.inject(QueueFullDrop(), 20.0)
    street.pass_s(10.0)
    for car in range(30):
        street.unlock(f"c{car}", car=car)
    street.pass_s(1.0)
    assert set(street.broker.dropped) == {f"car-{car}" for car in range(30)}


def test_queues_of_two_windows_are_filled_side_by_side() -> None:
    """Each has a client of its own: they do not throw each other out."""
    street = Street(count=2, max_queued_messages=5)
    for box in street.boxes:
        street.inject(QueueFullDrop(max_queued_messages=5), 20.0, [box])
    street.pass_s(5.0)
    for car in range(2):
        street.unlock(f"c{car}", car=car)
    street.pass_s(1.0)
    assert street.broker.dropped == {"car-0": 1, "car-1": 1}


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


@pytest.mark.parametrize(("pushed", "executed"), [(20, []), (19, ["c1"])])
def test_a_full_window_lets_nothing_through(pushed: int, executed: list[str]) -> None:
    """With a window of 20 the twenty-first message waits until the box connects anew.

    It is there at once then, with what was never acknowledged.
    """
    street = Street(parameters=QUICK)
    street.inject(InflightStall(pushed=pushed), 20.0)
    street.pass_s(1.0)
    street.unlock("c1", ttl_s=600)
    street.pass_s(18.0)
    assert street.executed() == executed
    assert connected(street) == 1
    assert street.platform.acks == [0]
    street.pass_s(6.0)
    assert "c1" in street.executed()
    street.unlock("c2")
    street.pass_s(1.0)
    assert "c2" in street.executed()


def test_twins_throw_each_other_out() -> None:
    """Both flap, and a command goes to whoever is in: each opens its own car."""
    street = Street(parameters=QUICK)
    street.inject(ClientIdTakeover(flap_s=2.0), 60.0)
    seen = []
    for number in range(30):
        street.pass_s(2.0)
        seen.append(connected(street))
        street.unlock(f"c{number}")
    street.pass_s(5.0)
    assert {0, 1} == set(seen)
    assert sorted(street.executed()) == sorted(f"c{number}" for number in range(30))
    assert 0 < street.boxes[0].vehicle.movement < 30
    assert set(street.platform.acks) == {0}


def test_a_clone_executes_on_the_wrong_car() -> None:
    """It finds the command signed, opens its own car, and answers as the car that was meant."""
    street = Street(parameters=QUICK)
    watcher = watching(street, "cars/+/state")
    hits = strike(street, ClientIdTakeover(flap_s=2.0), 10.0)
    street.pass_s(1.0)
    watcher.messages.clear()
    assert connected(street) == 0  # the clone is in
    street.unlock("astray")
    street.pass_s(0.5)
    answers = [(result.phase, result.reason) for _, result in street.platform.results]
    assert answers == [(Phase.RECEIVED, None), (Phase.EXECUTED, None)]
    assert are_locked(watcher) == [False]
    assert street.boxes[0].vehicle.is_locked
    assert street.boxes[0].vehicle.movement == 0
    assert [hit.command_id for hit in hits] == ["astray"]
    street.pass_s(1.0)
    assert connected(street) == 1  # the clone is out
    assert are_locked(watcher) == [False, True]
    street.unlock("right")
    street.pass_s(0.4)
    assert street.executed() == ["astray", "right"]
    assert not street.boxes[0].vehicle.is_locked
    assert [hit.command_id for hit in hits if hit.command_id] == ["astray"]


def test_a_clone_keeps_the_box_out_and_says_so() -> None:
    """From the moment it comes in until the box is back, whatever is under way is hit."""
    street = Street(parameters=QUICK)
    hits = strike(street, ClientIdTakeover(flap_s=3.0), 10.0)
    street.pass_s(2.5)
    (hit,) = hits
    assert (hit.vehicle_id, hit.what, hit.command_id) == ("car-0", "client_id", None)
    assert hit.until_s is not None
    assert hit.until_s - hit.at_s == pytest.approx(2.0, abs=0.01)


def test_a_clone_counts_in_no_count_of_the_fleet() -> None:
    """There is one box of that name, and what another car does was not done by the fleet."""
    street = Street(parameters=QUICK)
    strike(street, ClientIdTakeover(flap_s=2.0), 10.0)
    street.pass_s(1.0)
    street.unlock("astray")
    street.pass_s(0.5)
    assert street.executed() == ["astray"]
    counts = street.world.counts
    assert (counts.commands, counts.executed, counts.reachable) == (0, 0, 0)


def test_a_clone_has_draws_of_its_own() -> None:
    """It wakes another car's CAN bus: what that takes is not what the right car takes."""
    rarely = ReconnectPolicy(full_jitter=False, base_s=30.0, jitter_s=0.0)
    street = Street(parameters=BoxParameters(reconnect=rarely))
    street.pass_s(10.0)
    street.unlock("right")
    street.pass_s(10.0)
    street.inject(ClientIdTakeover(flap_s=100.0), 60.0)
    street.pass_s(5.0)
    street.unlock("astray")
    street.pass_s(10.0)
    assert street.executed() == ["right", "astray"]
    wakes_s = [result.can_wake_s for _, result in street.platform.results if result.can_wake_s]
    assert wakes_s[0] != wakes_s[1]
