"""MQTT over WebSocket, against a server that the test plays; conformance/ has real brokers."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import mqtt5
import pytest

from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, EndReason, LinkLimits, Session
from tests.helpers.leaks import open_sockets
from tests.helpers.recorder import Recorder
from tests.helpers.waiting import eventually

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONNACK = mqtt5.ConnAckPacket().write()
MESSAGES = [bytes(size) for size in (0, 1, 200, 40_000, 40_000)]
"""Payloads: the last two in one frame need the longest way to say its length."""


def frame(content: bytes, kind: int = 2, *, is_last: bool = True) -> bytes:
    """Return a frame of a server."""
    size = len(content).to_bytes(1 if len(content) <= 125 else 2 if len(content) < 65_536 else 8)
    size = {1: b"", 2: b"\x7e", 8: b"\x7f"}[len(size)] + size
    return bytes((kind | is_last << 7,)) + size + content


class _Server:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.received: list[tuple[int, bytes]] = []
        """Kind and content of each frame."""
        self.asked_for = b""
        """Path and query of the request."""

    async def agree(self) -> None:
        """Answer the request."""
        request = await self.reader.readuntil(b"\r\n\r\n")
        lines = request.split(b"\r\n")
        self.asked_for = lines[0].split(b" ")[1]
        assert b"Sec-WebSocket-Protocol: mqtt" in lines
        key = next(
            line.partition(b": ")[2] for line in lines if line.startswith(b"Sec-WebSocket-K")
        )
        accept = b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324 - RFC 6455
        self.writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nsec-websocket-accept:" + accept + b"\r\n\r\n"
        )

    async def read(self) -> None:
        """Read frames until the client closes."""
        while head := await self.reader.read(2):
            length = head[1] & 0x7F
            assert head[1] & 0x80, "masked"
            if length > 125:
                size = await self.reader.readexactly({126: 2, 127: 8}[length])
                length = int.from_bytes(size, "big")
            mask, content = await self.reader.readexactly(4), await self.reader.readexactly(length)
            plain = bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))
            self.received.append((head[0] & 0x0F, plain))

    def of(self, kind: int) -> list[bytes]:
        """Return the content of the frames of a kind that have come."""
        return [content for found, content in self.received if found == kind]


@asynccontextmanager
async def _server(
    *, answer: bytes | None = None, closes: bool = False
) -> AsyncIterator[tuple[BrokerAddress, list[_Server]]]:
    """Run a server that speaks WebSocket, or gives another answer."""
    ends: list[_Server] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = _Server(reader, writer)
        ends.append(end)
        if answer is None:
            await end.agree()
            await end.read()
        else:
            await reader.read(1_000)
            writer.write(answer)
            if not closes:
                await reader.read(1_000)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        try:
            yield BrokerAddress("ws", "127.0.0.1", server.sockets[0].getsockname()[1]), ends
        finally:
            for end in ends:
                end.writer.transport.abort()


def _client(address: BrokerAddress, timeout_s: float = 10.0) -> Recorder:
    limits = LinkLimits(connect_timeout_s=timeout_s)
    return Recorder(LeanLinkFactory(address, limits=limits), Session("client"))


SIGNED = "/mqtt?X-Amz-Credential=AK%2Fiot%2Faws4_request&X-Amz-Signature=a1%2B="


@pytest.mark.parametrize(("piece", "asked_for"), [(1, "/mqtt"), (7, SIGNED), (1_000_000, "/mqtt")])
async def test_content_in_frames_and_pieces(piece: int, asked_for: str) -> None:
    """Packets arrive whole, whatever frames and pieces they come in, with others between."""
    sent = b"".join(mqtt5.PublishPacket("topic", each).write() for each in MESSAGES)
    cuts = [sent[:1], sent[1:200], sent[200:300], sent[300:]]
    frames = frame(cuts[0], is_last=False) + frame(b"hello", 9) + frame(cuts[1], 0, is_last=False)
    frames += frame(b"", 10) + frame(cuts[2], 0) + frame(cuts[3])
    async with _server() as (address, ends):
        url = f"ws://{address.host}:{address.port}{asked_for}"
        client = _client(BrokerAddress.parse(url))
        client.link.connect()
        await eventually(lambda: ends and ends[0].of(2))
        ends[0].writer.write(frame(CONNACK))
        for start in range(0, 350, piece):  # all but the content of the last frame
            ends[0].writer.write(frames[start : min(start + piece, 350)])
            await asyncio.sleep(0)
        ends[0].writer.write(frames[350:])
        await eventually(lambda: len(client.messages) == len(MESSAGES))
        assert client.payloads == MESSAGES
        assert ends[0].asked_for == asked_for.encode(), "a signature over the query holds there"
        for payload in MESSAGES:
            client.link.publish("topic", payload, qos=0)
        client.link.disconnect()
        await eventually(lambda: ends[0].of(8))
        content = b"".join(ends[0].of(2))
        for payload in MESSAGES:
            assert mqtt5.PublishPacket("topic", payload).write() in content
        assert (ends[0].of(10), client.ends) == ([b"hello"], [])


@pytest.mark.parametrize(
    "said", [frame(b"", 8), b"\x82\x81mask!", b"\x89\x7e\x00\x80" + bytes(128)]
)
async def test_a_server_that_closes_or_breaks_the_rules(said: bytes) -> None:
    """The connection ends, once; what came before has arrived."""
    async with _server() as (address, ends):
        client = _client(address)
        client.link.connect()
        await eventually(lambda: ends and ends[0].of(2))
        ends[0].writer.write(frame(CONNACK) + frame(mqtt5.PublishPacket("topic", b"1").write()))
        await eventually(lambda: client.messages)
        ends[0].writer.write(said)
        await eventually(lambda: client.ends)
        assert [end.why for end in client.ends] == [EndReason.BROKER_CLOSED]
        assert client.payloads == [b"1"]


REJECTED = "no WebSocket at /mqtt: server rejected WebSocket connection: HTTP 404"
NO_HTTP = "did not receive a valid HTTP response"


@pytest.mark.parametrize(
    ("answer", "detail", "closes"),
    [
        *(
            (answer, detail, closes)
            for closes in (False, True)
            for answer, detail in (
                (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", REJECTED),
                (b"HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: no\r\n\r\n", "missing Connection"),
                (b"sec-websocket-accept\n", NO_HTTP),
                (b"HTTP/1.1 101" + bytes(20_000), "no WebSocket at /mqtt: "),
            )
        ),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", REJECTED, True),
        (b"", NO_HTTP, True),
        (b"HTTP/1", "no answer in 0.3 s", False),
    ],
)
async def test_not_a_websocket(answer: bytes, detail: str, *, closes: bool) -> None:
    """A server that speaks something else is unreachable, and its connection is closed.

    An answer whose end nobody sees is one when the server closes, and none before.
    """
    async with _server(answer=answer, closes=closes) as (address, _):
        before = open_sockets()
        client = _client(address, timeout_s=0.3)
        client.link.connect()
        await eventually(lambda: client.ends)
        assert [end.why for end in client.ends] == [EndReason.UNREACHABLE]
        assert detail in client.ends[0].detail
        await eventually(lambda: open_sockets() <= before)


async def test_given_up_while_the_server_thinks() -> None:
    """Nothing stays of a connection that its owner wants no more."""
    async with _server(answer=b"") as (address, ends):
        before = open_sockets()
        client = _client(address)
        client.link.connect()
        await eventually(lambda: ends)
        client.link.abort()
        await eventually(lambda: open_sockets() <= before)
        assert client.ends == []
