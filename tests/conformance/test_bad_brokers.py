"""Brokers that hang, lie or send junk: both links end their connection with the right reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import mqtt5
import pytest

from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, EndReason, LinkFactory, LinkLimits, Session
from fleet_wire.links.paho_link import PahoLinkFactory
from tests.helpers.recorder import Recorder
from tests.helpers.waiting import eventually

LIMITS = LinkLimits(connect_timeout_s=0.3, ping_timeout_s=1)
CONNACK = mqtt5.ConnAckPacket().write()
FACTORIES: dict[str, Callable[[BrokerAddress], LinkFactory]] = {
    "lean": lambda broker: LeanLinkFactory(broker, limits=LIMITS),
    "paho-5": lambda broker: PahoLinkFactory(broker, limits=LIMITS),
}


@pytest.fixture(params=FACTORIES)
def make_factory(request: pytest.FixtureRequest) -> Callable[[BrokerAddress], LinkFactory]:
    """Give the factory of each link in turn."""
    return FACTORIES[request.param]


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


async def _client_of(broker: BrokerAddress, make: Callable[..., LinkFactory]) -> Recorder:
    client = Recorder(make(broker), Session("client", keepalive_s=1))
    client.link.connect()
    return client


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([], EndReason.UNREACHABLE),
        ([CONNACK[:3]], EndReason.UNREACHABLE),
        (
            [mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode(136)).write()],
            EndReason.REFUSED,
        ),
        ([CONNACK, b"\x00\x00"], EndReason.PROTOCOL_ERROR),
        ([CONNACK, b"\x30\xff\xff\xff\xff\xff"], EndReason.PROTOCOL_ERROR),
        ([CONNACK, b"\xe0\x01\x8b"], EndReason.BROKER_CLOSED),
    ],
)
async def test_why_it_ended(
    answers: list[bytes], why: EndReason, make_factory: Callable[[BrokerAddress], LinkFactory]
) -> None:
    """Silence, refusal, junk and a reason to close are told apart, once each."""
    async with _broker_that_says(*answers) as broker:
        client = await _client_of(broker, make_factory)
        await eventually(lambda: client.ends)
        assert [end.why for end in client.ends] == [why]
        assert not client.link.is_connected


async def test_closed_before_connack(
    make_factory: Callable[[BrokerAddress], LinkFactory],
) -> None:
    """A broker that closes instead of answering is not there."""
    async with _broker_that_says(closes=True) as broker:
        client = await _client_of(broker, make_factory)
        await eventually(lambda: client.ends)
        assert client.ends[0].why in (EndReason.BROKER_CLOSED, EndReason.UNREACHABLE)


async def test_unanswered_ping(make_factory: Callable[[BrokerAddress], LinkFactory]) -> None:
    """A broker that never answers PINGREQ is given up."""
    async with _broker_that_says(CONNACK) as broker:
        client = await _client_of(broker, make_factory)
        await eventually(lambda: client.ends)
        assert client.sessions_present == [False]
        assert [end.why for end in client.ends] == [EndReason.KEEPALIVE]


async def test_ten_megabytes_declared_are_never_buffered() -> None:
    """The lean link closes at the header, and other links of its factory are unaffected."""
    flood = b"\x30\x80\xad\xe2\x04" + bytes(10_000_000)
    async with _broker_that_says(CONNACK, flood) as bad, _broker_that_says(CONNACK) as good:
        victim = await _client_of(bad, FACTORIES["lean"])
        other = await _client_of(good, FACTORIES["lean"])
        await eventually(lambda: victim.ends)
        assert victim.ends[0].why is EndReason.PROTOCOL_ERROR
        assert "packet of 10000005 bytes" in victim.ends[0].detail
        await eventually(lambda: other.link.is_connected)
        other.link.abort()
