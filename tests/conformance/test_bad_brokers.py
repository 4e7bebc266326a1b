"""Brokers that hang, lie or send junk: a link ends its connection with the right reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import mqtt5
import pytest

from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, EndReason, LinkLimits, Session
from fleet_wire.profiles.profile import MqttVersion
from tests.helpers.recorder import Recorder
from tests.helpers.waiting import eventually

LIMITS = LinkLimits(connect_timeout_s=0.3, ping_timeout_s=1)
CONNACK = mqtt5.ConnAckPacket().write()
CONNACK_3 = b"\x20\x02\x00\x00"
each_version = pytest.mark.parametrize(
    ("protocol", "connack"), [("5", CONNACK), ("3.1.1", CONNACK_3)]
)


@asynccontextmanager
async def _broker_that_says(*answers: bytes, closes: bool = False) -> AsyncIterator[BrokerAddress]:
    """Run a broker that answers CONNECT with `answers`, reads on, and never says anything else."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        for answer in answers:
            writer.write(answer)
        while not closes and await reader.read(1_000):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield BrokerAddress("mqtt", "127.0.0.1", server.sockets[0].getsockname()[1])


async def _client_of(broker: BrokerAddress, protocol: MqttVersion = "5") -> Recorder:
    links = LeanLinkFactory(broker, protocol=protocol, limits=LIMITS)
    client = Recorder(links, Session("client", keepalive_s=1))
    client.link.connect()
    return client


@pytest.mark.parametrize(
    ("protocol", "answers", "why"),
    [
        ("5", [], EndReason.UNREACHABLE),
        ("5", [CONNACK[:3]], EndReason.UNREACHABLE),
        (
            "5",
            [mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode(136)).write()],
            EndReason.REFUSED,
        ),
        ("5", [CONNACK, b"\x00\x00"], EndReason.PROTOCOL_ERROR),
        ("5", [CONNACK, b"\x30\xff\xff\xff\xff\xff"], EndReason.PROTOCOL_ERROR),
        ("5", [CONNACK, b"\xe0\x01\x8b"], EndReason.BROKER_CLOSED),
        ("3.1.1", [], EndReason.UNREACHABLE),
        ("3.1.1", [CONNACK_3[:3]], EndReason.UNREACHABLE),
        ("3.1.1", [b"\x20\x02\x00\x05"], EndReason.REFUSED),
        ("3.1.1", [b"\x20\x01\x00"], EndReason.PROTOCOL_ERROR),
        ("3.1.1", [CONNACK_3, b"\x00\x00"], EndReason.PROTOCOL_ERROR),
        ("3.1.1", [CONNACK_3, b"\x30\xff\xff\xff\xff\xff"], EndReason.PROTOCOL_ERROR),
        ("3.1.1", [CONNACK_3, b"\x34\x05\x00\x01t\x00\x01"], EndReason.PROTOCOL_ERROR),
        ("3.1.1", [CONNACK_3, b"\x30\x03\x00\x01\xff"], EndReason.PROTOCOL_ERROR),
        ("3.1.1", [CONNACK_3, b"\x30\x03\x00\x09t"], EndReason.PROTOCOL_ERROR),
        ("3.1.1", [CONNACK_3, b"\x32\x05\x00\x01t\x00\x00"], EndReason.PROTOCOL_ERROR),
    ],
)
async def test_why_it_ended(protocol: MqttVersion, answers: list[bytes], why: EndReason) -> None:
    """Silence, refusal, junk and a reason to close are told apart, once each."""
    async with _broker_that_says(*answers) as broker:
        client = await _client_of(broker, protocol)
        await eventually(lambda: client.ends)
        assert [end.why for end in client.ends] == [why]
        assert not client.link.is_connected


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_closed_before_connack(protocol: MqttVersion) -> None:
    """A broker that closes instead of answering is not there."""
    async with _broker_that_says(closes=True) as broker:
        client = await _client_of(broker, protocol)
        await eventually(lambda: client.ends)
        assert client.ends[0].why is EndReason.BROKER_CLOSED


@each_version
async def test_unanswered_ping(protocol: MqttVersion, connack: bytes) -> None:
    """A broker that never answers PINGREQ is given up."""
    async with _broker_that_says(connack) as broker:
        client = await _client_of(broker, protocol)
        await eventually(lambda: client.ends)
        assert client.sessions_present == [False]
        assert [end.why for end in client.ends] == [EndReason.KEEPALIVE]


async def test_ten_megabytes_declared_are_never_buffered() -> None:
    """A link closes at the header, and others are unaffected."""
    flood = b"\x30\x80\xad\xe2\x04" + bytes(10_000_000)
    async with _broker_that_says(CONNACK, flood) as bad, _broker_that_says(CONNACK) as good:
        victim = await _client_of(bad)
        other = await _client_of(good)
        await eventually(lambda: victim.ends)
        assert victim.ends[0].why is EndReason.PROTOCOL_ERROR
        assert "packet of 10000005 bytes" in victim.ends[0].detail
        await eventually(lambda: other.link.is_connected)
        other.link.abort()
