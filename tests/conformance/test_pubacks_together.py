"""PUBACKs that are awaited together, on real sockets: one wake for all, and nothing else waits."""

from __future__ import annotations

import array
import asyncio
import fcntl
import socket
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import mqtt5

from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.lean.opening import Opening
from fleet_wire.links.link import BrokerAddress, LinkLimits, Session
from tests.helpers.recorder import Recorder
from tests.helpers.waiting import eventually

LIMITS = LinkLimits(pubacks_together=3, ping_timeout_s=1)
OPENED = (
    mqtt5.ConnAckPacket().write()
    + mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]).write()
)
PINGRESP = mqtt5.PingRespPacket().write()
FIRST_ID = 2
"""Of the messages; the SUBSCRIBE had 1."""


class _Factory(LeanLinkFactory):
    """Keeps the socket, to look at what its link has not read."""

    sock: socket.socket | None = None

    def socket_for_low_water(self, opening: Opening) -> socket.socket | None:
        """Keep it."""
        self.sock = super().socket_for_low_water(opening)
        return self.sock

    @property
    def unread_bytes(self) -> int:
        """What the kernel holds for the link."""
        assert self.sock is not None
        size = array.array("i", [0])
        fcntl.ioctl(self.sock, termios.FIONREAD, size)
        return size[0]


class _Client:
    """A client with messages in flight, and the other end of its connection."""

    def __init__(self, writer: asyncio.StreamWriter, factory: _Factory, recorder: Recorder) -> None:
        self.writer = writer
        self.factory = factory
        self.recorder = recorder
        self.acks: list[int] = []

    def publish(self, count: int) -> None:
        for _ in range(count):
            self.recorder.link.publish("topic", b"", on_ack=self.acks.append)

    async def say(self, data: bytes) -> None:
        """Send bytes as the broker, and wait until the client's kernel has them."""
        self.writer.write(data)
        await self.writer.drain()


def _puback(number: int) -> bytes:
    return mqtt5.PubAckPacket(FIRST_ID + number).write()


@asynccontextmanager
async def _connected(keepalive_s: int = 60) -> AsyncIterator[tuple[_Client, list[str]]]:
    """Yield a connected client, and the kinds of packets that its broker has received."""
    connections: list[asyncio.StreamWriter] = []
    received: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        writer.write(OPENED)
        data = b""
        while more := await reader.read(10_000):
            data += more
            while data:
                packet, size = mqtt5.read(memoryview(data))
                data = data[size:]
                received.append(type(packet).__name__)
                if isinstance(packet, mqtt5.PingReqPacket):
                    writer.write(PINGRESP)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        address = BrokerAddress("mqtt", "127.0.0.1", server.sockets[0].getsockname()[1])
        factory = _Factory(address, limits=LIMITS)
        session = Session("client", subscriptions=("topic",), keepalive_s=keepalive_s)
        recorder = Recorder(factory, session)
        recorder.link.connect()
        await eventually(lambda: recorder.link.is_connected)
        yield _Client(connections[0], factory, recorder), received
        recorder.link.disconnect()


async def test_pubacks_are_read_when_all_are_there() -> None:
    """Two of three stay in the kernel, the third brings all."""
    async with _connected() as (client, received):
        client.publish(3)
        await eventually(lambda: received.count("PublishPacket") == 3)
        await client.say(_puback(0) + _puback(1))
        await eventually(lambda: client.factory.unread_bytes == 8)
        assert client.acks == []
        await client.say(_puback(2))
        await eventually(lambda: client.acks == [0, 0, 0])


async def test_a_longer_puback_counts_as_what_it_is() -> None:
    """Where reason codes make PUBACKs longer they come earlier; the rest is awaited anew."""
    async with _connected() as (client, received):
        client.publish(3)
        await eventually(lambda: received.count("PublishPacket") == 3)
        code = mqtt5.PubAckReasonCode.NO_MATCHING_SUBSCRIBERS
        for number in range(3):
            await client.say(mqtt5.PubAckPacket(FIRST_ID + number, reason_code=code).write())
        await eventually(lambda: client.acks == [16, 16, 16])


async def test_a_message_does_not_wait_for_pubacks() -> None:
    """A message is longer than all that is awaited: it comes at once, with what is before it."""
    async with _connected() as (client, received):
        client.publish(3)
        await eventually(lambda: received.count("PublishPacket") == 3)
        await client.say(_puback(0) + mqtt5.PublishPacket("topic", b"").write())
        await eventually(lambda: len(client.recorder.messages) == 1)
        assert client.acks == [0]
        await client.say(_puback(1) + _puback(2))
        await eventually(lambda: client.acks == [0, 0, 0])


async def test_the_last_byte_of_a_packet_does_not_wait() -> None:
    """A packet that came in part is awaited to its last byte, whatever is in flight."""
    packet = mqtt5.PublishPacket("topic", bytes(5_000)).write()
    async with _connected() as (client, received):
        client.publish(3)
        await eventually(lambda: received.count("PublishPacket") == 3)
        await client.say(packet[:-1])
        await eventually(lambda: client.factory.unread_bytes == 0)
        await client.say(packet[-1:])
        await eventually(lambda: len(client.recorder.messages) == 1)


async def test_a_pong_does_not_wait() -> None:
    """PINGRESP is shorter than a PUBACK; a broker that withholds one is no dead broker."""
    async with _connected(keepalive_s=1) as (client, received):
        client.publish(3)
        await eventually(lambda: received.count("PingReqPacket") >= 3)
        assert client.recorder.link.is_connected
        await client.say(_puback(0) + _puback(1) + _puback(2))
        await eventually(lambda: client.acks == [0, 0, 0])


async def test_the_brokers_end_is_noticed() -> None:
    """A connection that closes wakes its link, with unread PUBACKs before."""
    async with _connected() as (client, received):
        client.publish(3)
        await eventually(lambda: received.count("PublishPacket") == 3)
        await client.say(_puback(0))
        client.writer.close()
        await eventually(lambda: client.recorder.ends)
        assert client.acks == [0]
