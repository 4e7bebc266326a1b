"""A lean link without any socket: the test plays the broker, byte by byte."""

from __future__ import annotations

import asyncio
from typing import cast

import mqtt5

from fleet_wire.links.lean.link import LeanLink, LeanLinkFactory
from fleet_wire.links.lean.opening import Opening
from fleet_wire.links.link import BrokerAddress, LinkLimits, Session
from tests.helpers.recorder import Recorder

CONNACK = mqtt5.ConnAckPacket(receive_max=20).write()
SUBACK = mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]).write()


def publish_from_broker(payload: bytes, packet_id: int | None = None) -> bytes:
    """Return a PUBLISH at QoS 1, or 0 without a packet id."""
    qos = mqtt5.QoS.AT_MOST_ONCE if packet_id is None else mqtt5.QoS.AT_LEAST_ONCE
    return mqtt5.PublishPacket("topic", payload, qos=qos, packet_id=packet_id).write()


class FakeTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.protocol: asyncio.BaseProtocol | None = None
        self.is_reading_paused = False
        self.how_closed = ""
        self.unwritten = 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Keep it."""
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        """Return what the test says."""
        return self.unwritten

    def pause_reading(self) -> None:
        """Keep it."""
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        """Keep it."""
        self.is_reading_paused = False

    def close(self) -> None:
        """Keep it."""
        self.how_closed = self.how_closed or "closed"

    def abort(self) -> None:
        """Keep it."""
        self.how_closed = self.how_closed or "aborted"

    def deliver(self, data: bytes) -> None:
        """Give bytes from the broker to whoever takes them now."""
        cast("asyncio.Protocol", self.protocol).data_received(data)

    def packets(self) -> list[mqtt5.Packet]:
        """Return all packets that were written."""
        data, packets = b"".join(self.writes), []
        while data:
            packet, size = mqtt5.read(memoryview(data))
            packets.append(packet)
            data = data[size:]
        return packets

    def names(self) -> list[str]:
        """Return the kinds of all packets that were written."""
        return [type(packet).__name__.removesuffix("Packet") for packet in self.packets()]


class FakeNetwork(LeanLinkFactory):
    """Gives each link a `FakeTransport`, when the test says so."""

    def __init__(self, limits: LinkLimits | None = None) -> None:
        super().__init__(BrokerAddress.parse("mqtt://nowhere"), limits=limits)
        self.openings: list[Opening] = []

    def open(self, opening: Opening) -> None:
        """Keep it until `accept`."""
        self.openings.append(opening)

    def accept(self) -> FakeTransport:
        """Make the connection that was asked for first."""
        transport = FakeTransport()
        self.openings.pop(0).connection_made(transport)
        return transport

    def client(self, *topics: str) -> tuple[Recorder, LeanLink]:
        """Return a client that is not connected, and its link."""
        recorder = Recorder(self, Session("client", topics))
        return recorder, cast("LeanLink", recorder.link)

    def connected_client(self, *topics: str) -> tuple[Recorder, LeanLink, FakeTransport]:
        """Return a client that is connected, with its link and transport."""
        recorder, link = self.client(*topics)
        link.connect()
        transport = self.accept()
        link.data_received(CONNACK + (SUBACK if topics else b""))
        assert link.is_connected
        return recorder, link, transport


async def turn() -> None:
    """Let the event loop finish its iteration, with the writes at its end."""
    await asyncio.sleep(0)
