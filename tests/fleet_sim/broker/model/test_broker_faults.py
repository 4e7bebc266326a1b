"""The broker model: what crashes, storms and a hang do, and what becomes of who waits meanwhile."""

from __future__ import annotations

import pytest

from fleet_sim.broker.model.broker import HOP_S
from fleet_wire.links.link import (
    EndReason,
    LinkLimits,
)
from tests.helpers.broker_place import Place


def test_connects_above_the_limit_are_closed(place: Place) -> None:
    """As many as in a second may come at once; the others come again."""
    place.broker.connects_per_s = 5
    storm = [place.client(f"car-{number}") for number in range(12)]
    for client in storm:
        client.link.connect()
    place.time.run_for(0.1)
    turned_away = [client for client in storm if client.ends]
    assert len(turned_away) == 7
    assert {end.why for client in turned_away for end in client.ends} == {EndReason.BROKER_CLOSED}
    place.time.run_for(1)
    for client in turned_away[:5]:
        client.link.connect()
    place.time.run_for(0.1)
    assert [len(client.ends) for client in turned_away] == [1] * 7


def test_connects_are_served_one_after_the_other(place: Place) -> None:
    """With a cost for each CONNECT, the last of a storm waits for all others."""
    place.broker.connect_cost_s = 0.1
    storm = [place.client(f"car-{number}") for number in range(20)]
    for client in storm:
        client.link.connect()
    place.time.run_for(1.05)
    assert [client.link.is_connected for client in storm] == [True] * 10 + [False] * 10
    place.time.run_for(1)
    assert all(client.link.is_connected for client in storm)


def test_slow_connects_time_out_and_still_take_their_turn(place: Place) -> None:
    """Who waits longer than its timeout gives up; the broker has lost the time all the same."""
    place.broker.connect_cost_s = 1.0
    limits = LinkLimits(connect_timeout_s=2.5)
    storm = [place.client(f"car-{number}", limits=limits) for number in range(5)]
    for client in storm:
        client.link.connect()
    place.time.run_for(3)
    assert [client.link.is_connected for client in storm] == [True, True, False, False, False]
    assert {end.why for client in storm for end in client.ends} == {EndReason.UNREACHABLE}
    late = place.client("late", limits=LinkLimits(connect_timeout_s=5))
    late.link.connect()
    place.time.run_for(2.9)
    assert not late.link.is_connected
    place.time.run_for(0.2)
    assert late.link.is_connected


def test_a_storm_of_connects_delays_what_comes_behind_it(place: Place) -> None:
    """The broker does one thing at a time: a PUBLISH waits for the CONNECTs that came before it."""
    receiver, sender = place.connected("receiver", "topic"), place.connected("sender")
    place.broker.connect_cost_s = 0.1
    sender.link.publish("topic", b"before", on_ack=sender.acks.append)
    storm = [place.client(f"car-{number}") for number in range(20)]
    for client in storm[:10]:
        client.link.connect()
    place.time.run_for(HOP_S * 0.5)
    sender.link.publish("topic", b"amid", on_ack=sender.acks.append)
    place.time.run_for(HOP_S * 0.1)
    for client in storm[10:]:
        client.link.connect()
    sender.link.disconnect()
    place.time.run_for(0.5)
    assert receiver.payloads == [b"before"]
    place.time.run_for(0.49)
    assert receiver.payloads == [b"before"]
    place.time.run_for(0.02)
    assert receiver.payloads == [b"before", b"amid"]
    assert sum(client.link.is_connected for client in storm) == 10
    place.time.run_for(1)
    assert all(client.link.is_connected for client in storm)


def test_connects_wait_while_the_broker_hangs(place: Place) -> None:
    """A hung broker works through nothing, and takes up the storm where it stopped."""
    place.broker.connect_cost_s = 0.1
    storm = [place.client(f"car-{number}") for number in range(4)]
    for client in storm:
        client.link.connect()
    place.time.run_for(0.15)
    place.broker.stop_reading()
    place.time.run_for(5)
    assert [client.link.is_connected for client in storm] == [True, True, False, False]
    place.broker.continue_reading()
    place.time.run_for(0.15)
    assert [client.link.is_connected for client in storm] == [True, True, True, False]
    place.time.run_for(0.1)
    assert all(client.link.is_connected for client in storm)


def test_a_crash_ends_the_work(place: Place) -> None:
    """Who waits in a storm loses its connection, and a broker that starts anew is free."""
    place.broker.connect_cost_s = 1.0
    storm = [place.client(f"car-{number}") for number in range(5)]
    for client in storm:
        client.link.connect()
    place.time.run_for(0.5)
    place.broker.stop()
    place.broker.start()
    place.time.run_for(0.6)
    assert [client.ends[0].why for client in storm] == [EndReason.BROKER_CLOSED] * 5
    late = place.client("late")
    late.link.connect()
    place.time.run_for(1.1)
    assert late.link.is_connected


@pytest.mark.parametrize("topic_filter", ["a/b", "a/+", "+/b", "a/#", "#"])
@pytest.mark.parametrize("qos", [0, 1])
def test_what_is_retained_comes_to_every_kind_of_filter(
    place: Place, qos: int, topic_filter: str
) -> None:
    """Marked as such, which what comes later is not."""
    sender = place.connected("sender")
    sender.link.publish("a/b", b"kept", qos=qos, retain=True)
    place.time.run_for(1)
    client = place.connected("client", topic_filter)
    place.time.run_for(1)
    sender.link.publish("a/b", b"new", qos=qos, retain=True)
    place.time.run_for(1)
    said = [(message.payload, message.qos, message.retain) for message in client.messages]
    assert said == [(b"kept", qos, True), (b"new", qos, False)]
