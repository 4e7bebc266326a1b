"""A fleet spread over several brokers, seen through one link."""

from __future__ import annotations

from typing import TypeVar

import mqtt5
import pytest

from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.brokers import Brokers, broker_of
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, Disconnected, Session
from fleet_wire.links.several import OnLeftOver, SeveralLinks
from tests.helpers.brokers import running_mosquitto
from tests.helpers.fake_transport import (
    CONNACK,
    FakeNetwork,
    FakeTransport,
    publish_from_broker,
    turn,
)
from tests.helpers.recorder import Recorder, RecorderOfSeveral
from tests.helpers.waiting import eventually

RecorderT = TypeVar("RecorderT", bound=Recorder)
CARS = [f"car-{number:05d}" for number in range(4_000)]


def vehicle_of(topic: str) -> str:
    """Return the car of `cars/ID/...`."""
    if not topic.startswith("cars/"):
        raise RemoteProtocolError(f"{topic}: about no car")
    return topic.split("/")[1]


def test_cars_are_spread_evenly() -> None:
    """Each of eight brokers gets an eighth, give or take what chance gives (five sigma).

    A ninth one takes about a ninth of the cars, and no car moves between those that were there.
    """
    counts = [0] * 8
    for car in CARS:
        counts[broker_of(car, 8)] += 1
    expected = len(CARS) / 8
    assert all(abs(count - expected) < 5 * expected**0.5 for count in counts)
    moved = [car for car in CARS if broker_of(car, 8) != broker_of(car, 9)]
    assert {broker_of(car, 9) for car in moved} == {8}
    assert len(CARS) / 12 < len(moved) < len(CARS) / 7


def on_two_brokers(
    recorder: type[RecorderT], on_left_over: OnLeftOver | None = None
) -> tuple[RecorderT, list[FakeTransport]]:
    """Return who hears two brokers by one link, and the brokers' ends, all connected."""
    addresses = Brokers.parse("mqtt://old,mqtt://new").addresses
    networks = [FakeNetwork(), FakeNetwork()]
    factories = [*zip(addresses, networks, strict=True)]
    several = recorder(
        lambda handler: SeveralLinks(
            handler, factories, vehicle_of=vehicle_of, on_left_over=on_left_over
        ),
        Session("several"),
    )
    several.link.connect()
    ends = [network.accept() for network in networks]
    for transport in ends:
        transport.deliver(CONNACK)
        transport.writes.clear()
    return several, ends


async def test_what_comes_together_from_one_broker_stays_together() -> None:
    """It is acknowledged to that broker; what comes alone is taken as well."""
    several, (left, right) = on_two_brokers(RecorderOfSeveral)
    left.deliver(publish_from_broker(b"one", 1) + publish_from_broker(b"two", 2))
    right.deliver(publish_from_broker(b"three", 3))
    assert several.came == [[b"one", b"two"], [b"three"]]
    await turn()
    assert [each.names().count("PubAck") for each in (left, right)] == [2, 1]


@pytest.mark.parametrize("recorder", [Recorder, RecorderOfSeveral])
async def test_what_a_broker_keeps_of_cars_that_have_moved_is_left_aside(
    recorder: type[Recorder],
) -> None:
    """Whatever kind it is: it is acknowledged, told of, and not heard; nor that it is taken back.

    What comes as it is said is heard from any broker, and what is about no car too.
    """
    left_over: list[tuple[str, str]] = []
    several, (old, new) = on_two_brokers(
        recorder, lambda broker, message: left_over.append((broker.host, message.topic))
    )
    stayed, moved = (next(car for car in CARS if broker_of(car, 2) == place) for place in (0, 1))

    def said(topic: str, payload: bytes, number: int, *, retained: bool = True) -> bytes:
        qos = mqtt5.QoS.AT_LEAST_ONCE
        packet = mqtt5.PublishPacket(topic, payload, qos=qos, retain=retained, packet_id=number)
        return packet.write()

    old.deliver(
        said(f"cars/{moved}/presence", b"shut down", 1)
        + said(f"cars/{stayed}/presence", b"here", 2)
        + said(f"cars/{moved}/state", b"locked", 3)
        + said(f"cars/{moved}/presence", b"", 4, retained=False)
        + said(f"cars/{moved}/telemetry", b"not told of its move", 5, retained=False)
        + said("probes/us/one", b"present", 6)
    )
    old.deliver(said(f"cars/{moved}/state", b"locked", 7))
    new.deliver(said(f"cars/{moved}/presence", b"moved", 1) + said(f"cars/{moved}/state", b"", 2))
    await turn()
    heard = several.payloads
    if isinstance(several, RecorderOfSeveral):
        heard = [each for came in several.came if not isinstance(came, int) for each in came]
    assert heard == [b"here", b"not told of its move", b"present", b"moved", b""]
    assert [each.names().count("PubAck") for each in (old, new)] == [7, 2]
    kept = [f"cars/{moved}/{kind}" for kind in ("presence", "state", "presence", "state")]
    assert left_over == [("old", topic) for topic in kept]


@pytest.mark.broker
async def test_each_broker_carries_its_own_cars_and_may_go_away() -> None:
    """What one broker's end does: it is told of, its cars are not reached, all others are."""
    with running_mosquitto() as left, running_mosquitto() as right:
        changes: list[tuple[BrokerAddress, Disconnected | None]] = []
        several = Recorder(
            lambda handler: SeveralLinks(
                handler,
                [(broker.address, LeanLinkFactory(broker.address)) for broker in (left, right)],
                vehicle_of=vehicle_of,
                on_broker=lambda broker, reason: changes.append((broker, reason)),
            ),
            Session("several", ("cars/+/up",), clean_start=True),
        )
        cars = {
            broker: Recorder(
                LeanLinkFactory(broker.address), Session("cars", ("cars/+/down",), clean_start=True)
            )
            for broker in (left, right)
        }
        clients = (several, *cars.values())
        for client in clients:
            client.link.connect()
        await eventually(lambda: all(client.link.is_connected for client in clients))
        by_broker = {
            broker: next(car for car in CARS if broker_of(car, 2) == place)
            for place, broker in enumerate((left, right))
        }
        for car in by_broker.values():
            several.link.publish(f"cars/{car}/down", car.encode(), on_ack=several.acks.append)
        await eventually(
            lambda: len(several.acks) == 2 and all(each.messages for each in cars.values())
        )
        for broker, each in cars.items():
            assert each.payloads == [by_broker[broker].encode()]
            each.link.publish(f"cars/{by_broker[broker]}/up", b"")
        await eventually(lambda: len(several.messages) == 2)

        assert changes == [(left.address, None), (right.address, None)]
        right.kill()
        await eventually(lambda: changes[2:])
        assert changes[2][0] == right.address
        assert several.link.is_connected
        assert not several.ends
        several.link.publish(f"cars/{by_broker[right]}/down", b"nobody carries it")
        several.link.publish(f"cars/{by_broker[left]}/down", b"again")
        await eventually(lambda: len(cars[left].messages) == 2)
        right.restart()
        right.wait_until_accepting()
        await eventually(lambda: changes[-1] == (right.address, None))
        cars[right].link.connect()
        await eventually(lambda: cars[right].link.is_connected)
        several.link.publish(f"cars/{by_broker[right]}/down", b"back")
        await eventually(lambda: b"back" in cars[right].payloads)
        assert b"nobody carries it" not in cars[right].payloads

        left.kill()
        right.kill()
        await eventually(lambda: several.ends)
        assert not several.link.is_connected
        assert len(several.ends) == 1
        for client in clients:
            client.link.disconnect()
