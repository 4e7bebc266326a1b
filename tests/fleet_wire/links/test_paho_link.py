"""The link over paho, where it stands on its own: connections left behind, window, freezing.

What it does with a real broker stands in `tests/conformance`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import mqtt5
import pytest
import uvloop

from fleet_sim.broker.process import free_port
from fleet_wire.links.link import BrokerAddress, EndReason, LinkLimits, Message, Session
from fleet_wire.links.paho_link import PahoLinkFactory
from tests.helpers.brokers import running_mosquitto
from tests.helpers.recorder import Recorder
from tests.helpers.waiting import eventually

GRANTED = mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE


class _Peer:
    """The broker's end of one connection: it answers what every broker does, the test the rest."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connack: bytes
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._connack = connack
        self.received: list[object] = []
        self.is_closed = False

    def count(self, kind: type) -> int:
        """Return how many packets of a kind have come."""
        return sum(isinstance(packet, kind) for packet in self.received)

    @property
    def published(self) -> list[mqtt5.PublishPacket]:
        """Return the messages that have come."""
        return [each for each in self.received if isinstance(each, mqtt5.PublishPacket)]

    def acknowledge(self, message: mqtt5.PublishPacket) -> None:
        """Send the PUBACK of a QoS 1 message."""
        assert message.packet_id is not None
        self.say(mqtt5.PubAckPacket(message.packet_id).write())

    def say(self, *packets: bytes) -> None:
        """Send all of them in one write."""
        self._writer.write(b"".join(packets))

    def close(self) -> None:
        """Send no more, and read on until the client closes as well."""
        self._writer.write_eof()

    def crash(self) -> None:
        """Close at once: the server waits for its connections in the end."""
        self._writer.transport.abort()

    async def serve(self) -> None:
        """Read until the client closes."""
        data = b""
        while more := await self._reader.read(10_000):
            data += more
            while data:
                packet, size = mqtt5.read(memoryview(data))
                data = data[size:]
                self.received.append(packet)
                if isinstance(packet, mqtt5.ConnectPacket):
                    self.say(self._connack)
                elif isinstance(packet, mqtt5.SubscribePacket):
                    self.say(mqtt5.SubAckPacket(packet.packet_id, [GRANTED]).write())
                elif isinstance(packet, mqtt5.PingReqPacket):
                    self.say(mqtt5.PingRespPacket().write())
        self.is_closed = True
        self._writer.close()


@asynccontextmanager
async def _played_broker(
    connack: mqtt5.ConnAckPacket | None = None,
) -> AsyncIterator[tuple[BrokerAddress, list[_Peer]]]:
    """Run a broker that the test plays; yield its address and its ends of all connections."""
    answer = (connack or mqtt5.ConnAckPacket()).write()
    peers: list[_Peer] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(_Peer(reader, writer, answer))
        await peers[-1].serve()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        try:
            yield BrokerAddress("mqtt", "127.0.0.1", server.sockets[0].getsockname()[1]), peers
        finally:
            for peer in peers:
                peer.crash()


class _Client(Recorder):
    """A client of the link over paho."""

    def __init__(
        self,
        broker: BrokerAddress,
        client_id: str,
        *topics: str,
        keepalive_s: int = 60,
    ) -> None:
        session = Session(client_id, topics, session_expiry_s=600, keepalive_s=keepalive_s)
        limits = LinkLimits(max_in_flight=10)
        self.factory = PahoLinkFactory(broker, protocol="5", limits=limits)
        self.paho_link = self.factory(self)
        super().__init__(lambda _: self.paho_link, session)

    async def connect(self) -> _Client:
        """Connect, and wait until it is: again where a busy broker has not answered in time.

        A link tries once, and whoever owns it tries again.
        """

        def is_connected() -> bool:
            if self.ends and self.ends[-1].why is EndReason.UNREACHABLE:
                self.ends.pop()
                self.link.connect()
            return self.link.is_connected

        self.link.connect()
        await eventually(is_connected)
        return self


async def test_left_behind_is_silent_until_the_broker_closes() -> None:
    """Nothing goes out on the old connection, not even its end, until the broker ends it."""
    async with _played_broker() as (broker, peers):
        client = await _Client(broker, "client", "topic", keepalive_s=1).connect()
        client.paho_link.leave_behind()
        client.paho_link.leave_behind()  # nothing is left to forget
        peers[0].say(
            mqtt5.PublishPacket("topic", b"", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=1).write()
        )
        await client.connect()
        await eventually(lambda: peers[1].count(mqtt5.PingReqPacket))
        assert not peers[0].is_closed
        peers[0].close()
        await eventually(lambda: peers[0].is_closed)
        assert [type(packet) for packet in peers[0].received] == [
            mqtt5.ConnectPacket,
            mqtt5.SubscribePacket,
        ]
        assert (client.messages, client.ends) == ([], [])
        client.link.abort()


async def test_left_behind_inside_a_callback() -> None:
    """A handler may leave its connection behind; what came with the message is not told."""
    async with _played_broker() as (broker, peers):
        client = await _Client(broker, "client", "topic").connect()

        def on_message(message: Message) -> None:
            client.messages.append(message)
            client.paho_link.leave_behind()

        client.on_message = on_message  # type: ignore[method-assign]
        for _ in range(3):  # paho reads as many packets at once as are in flight
            client.link.publish("topic", b"", on_ack=client.acks.append)
        await eventually(lambda: len(peers[0].published) == 3)
        peers[0].say(*(mqtt5.PublishPacket("topic", b"").write() for _ in range(3)))
        await eventually(lambda: client.messages)
        await client.connect()
        await eventually(lambda: len(peers[1].published) == 3)
        assert len(client.messages) == 1
        client.link.abort()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_left_behind_closes_with_the_event_loop(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """What the broker has not closed when the event loop ends is closed then."""

    async def leave_behind(listener: socket.socket) -> socket.socket:
        loop = asyncio.get_running_loop()
        broker = BrokerAddress("mqtt", *listener.getsockname())
        client = _Client(broker, "client")
        client.link.connect()
        peer, _ = await loop.sock_accept(listener)
        await loop.sock_recv(peer, 1_000)
        await loop.sock_sendall(peer, mqtt5.ConnAckPacket().write())
        await eventually(lambda: client.link.is_connected)
        client.paho_link.leave_behind()
        return peer

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            peer = runner.run(leave_behind(listener))
        with peer:
            peer.settimeout(20)
            assert peer.recv(1) == b""


async def test_window_is_the_brokers() -> None:
    """No more is in flight than the broker's receive maximum allows; each PUBACK lets one out."""
    connack = mqtt5.ConnAckPacket(receive_max=2)
    async with _played_broker(connack) as (broker, peers):
        client = await _Client(broker, "client").connect()
        for number in range(4):
            client.link.publish("topic", b"%d" % number, on_ack=client.acks.append)
        client.link.publish("topic", b"behind them", qos=0)
        await eventually(lambda: len(peers[0].published) == 3)
        assert [each.payload for each in peers[0].published] == [b"0", b"1", b"behind them"]
        for message in peers[0].published[:2]:
            peers[0].acknowledge(message)
        await eventually(lambda: len(peers[0].published) == 5)
        assert client.acks == [0, 0]
        client.link.abort()


async def test_freeze_inside_a_callback() -> None:
    """What was read together with the message that froze the link waits for the thaw."""
    async with _played_broker() as (broker, peers):
        client = await _Client(broker, "client", "topic").connect()

        def on_message(message: Message) -> None:
            client.messages.append(message)
            if len(client.messages) == 1:
                client.link.freeze()

        client.on_message = on_message  # type: ignore[method-assign]
        for _ in range(2):  # paho reads as many packets at once as are in flight
            client.link.publish("topic", b"")
        await eventually(lambda: len(peers[0].published) == 2)
        peers[0].say(*(mqtt5.PublishPacket("topic", payload).write() for payload in (b"1", b"2")))
        await eventually(lambda: client.messages)
        assert client.payloads == [b"1"]
        client.link.thaw()
        await eventually(lambda: client.payloads == [b"1", b"2"])
        client.link.abort()


async def test_frozen_link_does_not_connect() -> None:
    """A link that is frozen says nothing on its next connection either, until it thaws."""
    async with _played_broker() as (broker, peers):
        client = _Client(broker, "client")
        client.link.freeze()
        client.link.connect()
        await eventually(lambda: peers)
        other = await _Client(broker, "other").connect()
        assert peers[0].received == []
        client.link.thaw()
        await eventually(lambda: client.link.is_connected)
        client.link.abort()
        other.link.abort()


@pytest.mark.broker
@pytest.mark.parametrize("scheme", ["mqtt", "ws"])
async def test_packets_leave_without_delay(scheme: str) -> None:
    """TCP_NODELAY is set, below WebSocket too."""
    port = free_port()
    kind = {"mqtt": "mqtt", "ws": "websockets"}[scheme]
    with running_mosquitto(f"listener {port} 127.0.0.1\nprotocol {kind}\n", also_port=port):
        client = await _Client(BrokerAddress(scheme, "127.0.0.1", port), "client").connect()
        connection = client.paho_link._connection
        assert connection is not None
        with socket.socket(fileno=os.dup(connection._socket.fileno())) as same:
            assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        client.link.disconnect()


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("answer", [b"HTTP/1.1 404 Not Found\r\n\r\n", b"sec-websocket-accept\n"])
async def test_not_a_websocket(answer: bytes) -> None:
    """A server that speaks something else is unreachable, whatever paho makes of it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(answer)
        await reader.read(1_000)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = _Client(BrokerAddress("ws", "127.0.0.1", port), "client")
        client.link.connect()
        await eventually(lambda: client.ends)
        assert [end.why for end in client.ends] == [EndReason.UNREACHABLE]


@pytest.mark.parametrize("callback", ["session", "on_connected", "on_message", "on_ack"])
async def test_a_handler_that_raises(callback: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its link is closed, once, and nothing else is; the log says why."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    async with _played_broker() as (broker, peers):
        other = await _Client(broker, "other").connect()
        client = _Client(broker, "client", "topic")
        if callback != "on_ack":
            setattr(client, callback, fail)
        client.link.publish("topic", b"", on_ack=fail)
        client.link.connect()
        await eventually(lambda: client.ends or (peers[1:] and peers[1].published))
        if not client.ends:
            peers[1].say(mqtt5.PublishPacket("topic", b"").write())
            peers[1].acknowledge(peers[1].published[0])
        await eventually(lambda: client.ends)
        assert [end.why for end in client.ends] == [EndReason.HANDLER_ERROR]
        assert "ZeroDivisionError" in caplog.text
        assert other.link.is_connected
        other.link.abort()


async def test_qos_0_is_dropped_while_the_peer_does_not_read() -> None:
    """About a thousand may wait for the socket; what comes on top is lost."""
    async with _played_broker() as (broker, peers):
        client = await _Client(broker, "client").connect()
        for _ in range(2_000):
            client.link.publish("topic", b"", qos=0)
        await eventually(lambda: peers[0].published)
        client.link.publish("topic", b"last", qos=0)
        client.link.disconnect()
        await eventually(lambda: peers[0].is_closed)
        assert len(peers[0].published) == 1_002
        assert peers[0].count(mqtt5.DisconnectPacket) == 1
