"""What the one test body needs of a link and a broker, and where they are known to differ."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from functools import partial
from typing import Any, Literal

from fleet_sim.broker.model.broker import BrokerLimits, BrokerModel
from fleet_sim.broker.process import BrokerProcess
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, Link, LinkFactory, LinkHandler, LinkLimits, Session
from fleet_wire.profiles.profile import MqttVersion
from tests.helpers.apart import link_apart
from tests.helpers.brokers import running_iotcore, running_mosquitto
from tests.helpers.recorder import Recorder
from tests.helpers.virtual_scheduler import VirtualScheduler
from tests.helpers.waiting import eventually


class Difference(StrEnum):
    """What a link or broker does otherwise; the tests assert it instead of the standard."""

    NO_PROPERTIES = "MQTT 3.1.1 carries no properties, so no message expiry either"
    TAKES_ANY_SIZE = "MQTT 3.1.1 cannot say how large a packet may be, so any is taken"
    NO_REASON_CODES = "MQTT 3.1.1 has no reason codes in PUBACK and no DISCONNECT from a broker"
    IGNORES_PACKET_LIMIT = "rumqttd and ejabberd send packets above the client's maximum"
    IGNORES_SUBSCRIBERS = "rumqttd answers success where nobody subscribes"
    NO_TAKEOVER_CODE = "rumqttd closes a connection that is taken over without a reason code"
    KEEPS_SESSION = "rumqttd keeps the session whatever its expiry interval"
    NO_DUPLICATES_FROM_BROKER = "rumqttd redelivers without DUP"
    SENDS_QOS_0_AS_1 = "rumqttd sends at the QoS of the subscription"
    PASSES_ON_DUP = "rumqttd passes on the mark of a message that was sent to it again"
    REFUSES_GROUPS = "ejabberd closes the connection that subscribes to $share/..."
    DEAF_GROUPS = "RabbitMQ grants a subscription to $share/..., and nothing ever comes by it"
    NO_SESSION_WITHOUT_SUBSCRIPTIONS = "a session of RabbitMQ is what waits for subscriptions"
    NO_RETAINED_BY_WILDCARD = "RabbitMQ 4.0 keeps retained messages for filters without wildcards"
    WILL_AT_TAKEOVER = "a connection that is taken over is closed, so its will is published"
    ONE_IN_FLIGHT = "ejabberd sends the next message when the one before is acknowledged"
    CONNECTS_IN_ANY_ORDER = "RabbitMQ may let the older of two connections that wait take over"
    MARKS_FIRST_AS_DUP = "ejabberd marks the first message that waits as sent again"
    DELIVERS_EXPIRED = "ejabberd does not look at the expiry of the first message that waits"


LinkKind = Literal["lean", "lean-3.1.1"]


def links_of(
    kind: LinkKind,
    broker: BrokerAddress,
    *,
    tls: ssl.SSLContext | None = None,
    limits: LinkLimits | None = None,
    quick_ack: bool = False,
) -> LinkFactory:
    """Return what makes links of a kind to a broker."""
    protocol: MqttVersion = "5" if kind == "lean" else "3.1.1"
    return LeanLinkFactory(broker, protocol=protocol, tls=tls, limits=limits, quick_ack=quick_ack)


class LiveHarness:
    """A real link and a real broker; with a `name` where others have used that broker before."""

    def __init__(self, kind: LinkKind, broker: BrokerProcess, name: str = "") -> None:
        self._kind = kind
        self._broker = broker
        self._name = name
        self.differences = LINK_DIFFERENCES[kind] | BROKER_DIFFERENCES[broker.kind]

    def link(self, handler: LinkHandler, limits: LinkLimits | None = None) -> Link:
        """Return a new link to the broker."""
        quick_ack = self._broker.kind == "iotcore"
        links = links_of(self._kind, self._broker.address, limits=limits, quick_ack=quick_ack)
        return link_apart(links, handler, self._name) if self._name else links(handler)

    async def until(self, predicate: Callable[[], object], message: str = "") -> None:
        """Wait until `predicate()` is true; fail when it takes too long."""
        await eventually(predicate, message=message)

    async def let_pass(self, duration_s: float) -> None:
        """Let the broker's clock go on."""
        await asyncio.sleep(duration_s)

    def stop_reading(self) -> None:
        """Make the broker deaf and mute, with its connections open."""
        self._broker.stop_reading()

    def continue_reading(self) -> None:
        """Undo `stop_reading`."""
        self._broker.continue_reading()

    def kill_broker(self) -> None:
        """Let the broker crash."""
        self._broker.kill()

    def restart_broker(self) -> None:
        """Start the broker again after `kill_broker`."""
        self._broker.restart()
        self._broker.wait_until_accepting()


class ModelHarness:
    """The broker model in virtual time, with the calls of `LiveHarness`.

    What needs bytes and sockets (TLS, WebSocket, malformed packets) is no part of the one body; the
    tests of the real links hold it.
    """

    def __init__(self, *, max_queued_messages: int = 1_000, protocol: MqttVersion = "5") -> None:
        self._protocol: MqttVersion = protocol
        kind: LinkKind = "lean" if protocol == "5" else "lean-3.1.1"
        self.differences: frozenset[Difference] = LINK_DIFFERENCES[kind]
        self._scheduler = VirtualScheduler()
        limits = BrokerLimits(max_queued_messages=max_queued_messages)
        self._broker = BrokerModel(self._scheduler, limits=limits)

    def link(self, handler: LinkHandler, limits: LinkLimits | None = None) -> Link:
        """Return a new link to the broker."""
        return self._broker.link(handler, limits, protocol=self._protocol)

    async def until(self, predicate: Callable[[], object], message: str = "") -> None:
        """Step the scheduler."""
        self._scheduler.run_until(predicate, message)

    async def let_pass(self, duration_s: float) -> None:
        """Let virtual time pass."""
        self._scheduler.run_for(duration_s)

    def stop_reading(self) -> None:
        """Let what comes in wait."""
        self._broker.stop_reading()

    def continue_reading(self) -> None:
        """Read on."""
        self._broker.continue_reading()

    def kill_broker(self) -> None:
        """Lose connections and sessions."""
        self._broker.stop()

    def restart_broker(self) -> None:
        """Start with nothing."""
        self._broker.start()


Harness = LiveHarness | ModelHarness

LINK_DIFFERENCES: dict[LinkKind, frozenset[Difference]] = {
    "lean": frozenset(),
    "lean-3.1.1": frozenset(
        {
            Difference.TAKES_ANY_SIZE,
            Difference.NO_PROPERTIES,
            Difference.NO_REASON_CODES,
        }
    ),
}

BROKER_DIFFERENCES: dict[str, frozenset[Difference]] = {
    "mosquitto": frozenset(),
    "iotcore": frozenset(
        {
            Difference.IGNORES_PACKET_LIMIT,
            Difference.IGNORES_SUBSCRIBERS,
            Difference.NO_TAKEOVER_CODE,
            Difference.KEEPS_SESSION,
            Difference.NO_DUPLICATES_FROM_BROKER,
            Difference.SENDS_QOS_0_AS_1,
            Difference.PASSES_ON_DUP,
        }
    ),
    "rabbitmq": frozenset(
        {
            Difference.CONNECTS_IN_ANY_ORDER,
            Difference.DEAF_GROUPS,
            Difference.NO_SESSION_WITHOUT_SUBSCRIPTIONS,
            Difference.NO_RETAINED_BY_WILDCARD,
            Difference.WILL_AT_TAKEOVER,
        }
    ),
    "ejabberd": frozenset(
        {
            Difference.REFUSES_GROUPS,
            Difference.WILL_AT_TAKEOVER,
            Difference.ONE_IN_FLIGHT,
            Difference.MARKS_FIRST_AS_DUP,
            Difference.DELIVERS_EXPIRED,
            Difference.IGNORES_PACKET_LIMIT,
        }
    ),
}


@contextmanager
def _on_mosquitto(kind: LinkKind) -> Iterator[Harness]:
    with running_mosquitto() as broker:
        yield LiveHarness(kind, broker)


@contextmanager
def _lean_on_iotcore() -> Iterator[Harness]:
    with running_iotcore() as broker:
        yield LiveHarness("lean", broker)


HARNESSES: dict[str, Callable[[], AbstractContextManager[Harness]]] = {
    **{f"{kind}-mosquitto": partial(_on_mosquitto, kind) for kind in LINK_DIFFERENCES},
    "lean-iotcore": _lean_on_iotcore,
    "model": lambda: nullcontext(ModelHarness()),
    "model-3.1.1": lambda: nullcontext(ModelHarness(protocol="3.1.1")),
}
"""A broker for one test each."""


class Clients:
    """The clients of one test."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self._made: list[Recorder] = []

    def make(
        self,
        client_id: str,
        *topics: str,
        limits: LinkLimits | None = None,
        kind: type[Recorder] = Recorder,
        **session: object,
    ) -> Recorder:
        """Return a client that subscribes to `topics`, not connected."""
        recorder = kind(
            lambda handler: self.harness.link(handler, limits),
            Session(client_id, topics, **session),  # type: ignore[arg-type]
        )
        self._made.append(recorder)
        return recorder

    async def connected(
        self, client_id: str, *topics: str, limits: LinkLimits | None = None, **session: Any
    ) -> Recorder:
        """Return a client that is connected."""
        recorder = self.make(client_id, *topics, limits=limits, **session)
        await self.connect(recorder)
        return recorder

    async def connect(self, client: Recorder) -> None:
        """Connect, and wait until it is."""
        client.link.connect()
        await self.harness.until(lambda: client.link.is_connected, f"connected: {client.ends}")

    def close(self) -> None:
        """Drop all connections."""
        for client in self._made:
            client.link.abort()
