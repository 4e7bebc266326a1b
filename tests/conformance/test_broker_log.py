"""What mosquitto says of its clients and whom it turns away, and the broker model like it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet_sim.broker.access import MONITOR_USER, PLATFORM_USER, BrokerAccess
from fleet_sim.broker.control import BrokerControl
from fleet_sim.broker.model.control import ModelControl
from fleet_sim.runs.live.run_brokers import MosquittoControl
from fleet_wire.contract.broker_log import BROKER_LOG, BrokerEventKind, broker_event_of
from fleet_wire.links.connecting import Identity
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import NOT_AUTHORIZED, SUCCESS, EndReason, Link, LinkHandler, LinkLimits
from tests.helpers.brokers import running_mosquitto
from tests.helpers.harness import Clients, Harness, LiveHarness, ModelHarness
from tests.helpers.recorder import Recorder

MAX_QUEUED = 3
KIND = BrokerEventKind
USERS = {"monitor": MONITOR_USER, "platform": PLATFORM_USER}


class _UserHarness(LiveHarness):
    """mosquitto with access rules: the monitor and the platform are users, others have no name."""

    access: BrokerAccess
    control: MosquittoControl

    def link(self, handler: LinkHandler, limits: LinkLimits | None = None) -> Link:
        """Return a new link; who is refused comes as somebody whom the broker does not know."""
        client_id = handler.session().client_id
        address = self._broker.address
        if client_id in USERS:
            address = self.access.address_of(USERS[client_id], address)

        def identity_of(_handler: LinkHandler) -> Identity | None:
            is_refused = client_id in self.control.refused
            return Identity(username="nobody", password="") if is_refused else None

        return LeanLinkFactory(address, limits=limits, identity_of=identity_of)(handler)


@dataclass
class Place:
    """A broker, and what turns its clients away."""

    harness: Harness
    control: BrokerControl


@contextmanager
def _mosquitto() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as directory:
        access = BrokerAccess(Path(directory))
        with running_mosquitto(f"max_queued_messages {MAX_QUEUED}\n" + access.config()) as broker:
            harness = _UserHarness("lean", broker)
            harness.access = access
            harness.control = MosquittoControl([broker], access)
            yield Place(harness, harness.control)


@pytest.fixture(params=[pytest.param("mosquitto", marks=pytest.mark.broker), "model"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Give mosquitto and the model of it."""
    if request.param == "model":
        harness = ModelHarness(max_queued_messages=MAX_QUEUED)
        yield Place(harness, ModelControl(harness._broker))
        return
    with _mosquitto() as made:
        yield made


@pytest.fixture
def harness(place: Place) -> Harness:
    """Give its harness, to the fixture that makes clients."""
    return place.harness


def said(monitor: Recorder, client_id: str) -> list[BrokerEventKind]:
    """Return what the broker has said of a client, in order."""
    events = [broker_event_of(message.payload, 0.0) for message in monitor.messages]
    return [event.kind for event in events if event is not None and event.client_id == client_id]


async def test_how_connections_begin_and_end(harness: Harness, clients: Clients) -> None:
    """Each way has a sentence of its own, and both brokers say the same."""
    monitor = await clients.connected("monitor", BROKER_LOG)
    left = await clients.connected("left")
    left.link.disconnect()
    closed = await clients.connected("closed")
    closed.link.abort()
    older = await clients.connected("twice")
    await clients.connected("twice")
    await harness.until(lambda: older.ends)
    silent = await clients.connected("silent", keepalive_s=5)
    silent.link.freeze()
    await harness.until(lambda: KIND.TIMED_OUT in said(monitor, "silent"))
    assert said(monitor, "left") == [KIND.CONNECTED, KIND.LEFT]
    assert said(monitor, "closed") == [KIND.CONNECTED, KIND.CLOSED]
    assert said(monitor, "twice") == [KIND.CONNECTED, KIND.TAKEN_OVER, KIND.CONNECTED]
    assert said(monitor, "silent") == [KIND.CONNECTED, KIND.TIMED_OUT]


async def test_a_full_queue_is_told_of_once(harness: Harness, clients: Clients) -> None:
    """Until its client has come again; then it may be told of again."""
    monitor = await clients.connected("monitor", BROKER_LOG)
    car = await clients.connected("car-1", "topic", session_expiry_s=60)
    for _ in range(2):
        car.link.disconnect()
        await harness.until(lambda: said(monitor, "car-1")[-1] is KIND.LEFT)
        for number in range(3 * MAX_QUEUED):
            monitor.link.publish("topic", b"%d" % number, on_ack=monitor.acks.append)
        await harness.until(lambda: said(monitor, "car-1")[-1] is KIND.DROPPED)
        await clients.connect(car)
        await harness.until(lambda: said(monitor, "car-1")[-1] is KIND.CONNECTED)
    round_ = [KIND.CONNECTED, KIND.LEFT, KIND.DROPPED]
    assert said(monitor, "car-1") == [*round_, *round_, KIND.CONNECTED]


async def test_who_is_refused_is_not_let_in(place: Place, clients: Clients) -> None:
    """CONNACK says why, the log says who, and others come and go; then they are let in again."""
    monitor = await clients.connected("monitor", BROKER_LOG)
    with place.control.refusing(["car-1"]):
        refused = clients.make("car-1")
        refused.link.connect()
        await place.harness.until(lambda: refused.ends)
        assert (refused.ends[0].why, refused.ends[0].code) == (EndReason.REFUSED, NOT_AUTHORIZED)
        await place.harness.until(lambda: said(monitor, "car-1") == [KIND.DENIED])
        await clients.connected("car-2")
    await clients.connect(refused)


async def test_who_is_denied_a_topic_hears_nothing_and_is_told_nothing(
    place: Place, clients: Clients
) -> None:
    """SUBACK and the publisher's PUBACK say that all is well; the monitor gets the message."""
    topic, harness = "cars/car-1/command", place.harness
    monitor = await clients.connected("monitor", topic, BROKER_LOG)
    platform = await clients.connected("platform")
    with place.control.denying({"car-1": [topic]}):
        await harness.let_pass(0.5)
        car = await clients.connected("car-1", topic, "end")
        platform.link.publish(topic, b"unlock", on_ack=platform.acks.append)
        platform.link.publish("end", b"end", on_ack=platform.acks.append)
        await harness.until(lambda: len(platform.acks) == 2 and b"end" in car.payloads)
        assert (platform.acks, car.payloads) == ([SUCCESS, SUCCESS], [b"end"])
        await harness.until(lambda: b"unlock" in monitor.payloads)
    await harness.let_pass(0.5)
    platform.link.publish(topic, b"again")
    await harness.until(lambda: b"again" in car.payloads)


async def test_who_publishes_to_a_closed_topic_is_told(place: Place, clients: Clients) -> None:
    """PUBACK says `not authorised`; who is subscribed gets nothing, until it is open again."""
    topic, harness = "cars/car-1/command", place.harness
    platform = await clients.connected("platform")
    car = await clients.connected("car-1", topic, "end")
    with place.control.closing([topic]):
        await harness.let_pass(0.5)
        platform.link.publish(topic, b"unlock", on_ack=platform.acks.append)
        platform.link.publish("end", b"end", on_ack=platform.acks.append)
        await harness.until(lambda: len(platform.acks) == 2 and b"end" in car.payloads)
        assert (sorted(platform.acks), car.payloads) == ([SUCCESS, NOT_AUTHORIZED], [b"end"])
    await harness.let_pass(0.5)
    platform.link.publish(topic, b"again")
    await harness.until(lambda: b"again" in car.payloads)


@pytest.mark.broker
async def test_the_log_is_for_the_monitor_alone() -> None:
    """Whoever else subscribes is granted it, and sent nothing."""
    with _mosquitto() as place:
        clients = Clients(place.harness)
        monitor = await clients.connected("monitor", BROKER_LOG)
        spy = await clients.connected("spy", BROKER_LOG)
        await clients.connected("car-1")
        await place.harness.until(lambda: KIND.CONNECTED in said(monitor, "car-1"))
        assert spy.messages == []
        clients.close()


async def test_the_model_says_nothing_where_nobody_listens() -> None:
    """What nobody reads costs nothing: not even a message that is thrown away."""
    harness = ModelHarness()
    clients = Clients(harness)
    await clients.connected("car-1")
    assert harness._broker.router._listeners == 0
    monitor = await clients.connected("monitor", BROKER_LOG)
    assert harness._broker.router._listeners == 1
    monitor.link.disconnect()
    await harness.let_pass(1.0)
    assert harness._broker.router._listeners == 0
