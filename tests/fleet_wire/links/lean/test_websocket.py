"""MQTT over WebSocket, against a server that the test plays; conformance/ has real brokers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import mqtt5
import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, EndReason, LinkLimits, Session
from tests.helpers.leaks import open_sockets
from tests.helpers.recorder import Recorder
from tests.helpers.waiting import eventually

CONNACK = mqtt5.ConnAckPacket().write()
MESSAGES = [bytes(size) for size in (0, 1, 200, 40_000, 40_000)]
"""Payloads: the last two in one frame need the longest way to say its length."""


class _Server:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.frames = ServerProtocol(subprotocols=[Subprotocol("mqtt")])
        self.received: list[Frame] = []
        self.asked_for = ""
        """Path and query of the request."""

    async def read(self) -> None:
        """Agree to speak WebSocket, and read frames until the client closes."""
        while data := await self.reader.read(65_536):
            self.frames.receive_data(data)
            for event in self.frames.events_received():
                if isinstance(event, Request):
                    self.asked_for = event.path
                    self.frames.send_response(self.frames.accept(event))
                    self.writer.write(self.to_send())
                else:
                    assert isinstance(event, Frame)
                    self.received.append(event)

    def to_send(self) -> bytes:
        """Return the bytes of the frames that were made."""
        return b"".join(self.frames.data_to_send())

    def of(self, opcode: Opcode) -> list[bytes]:
        """Return the content of the frames of a kind that have come."""
        return [bytes(frame.data) for frame in self.received if frame.opcode is opcode]


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
    async with _server() as (address, ends):
        url = f"ws://{address.host}:{address.port}{asked_for}"
        client = _client(BrokerAddress.parse(url))
        client.link.connect()
        await eventually(lambda: ends and ends[0].of(Opcode.BINARY))
        (end,) = ends
        end.frames.send_binary(CONNACK)
        end.frames.send_binary(sent[:1], fin=False)
        end.frames.send_ping(b"hello")
        end.frames.send_continuation(sent[1:200], fin=False)
        end.frames.send_pong(b"")
        end.frames.send_continuation(sent[200:300], fin=True)
        end.frames.send_binary(sent[300:])
        said = end.to_send()
        for start in range(0, 350, piece):  # all but the content of the last frame
            end.writer.write(said[start : min(start + piece, 350)])
            await asyncio.sleep(0)
        end.writer.write(said[350:])
        await eventually(lambda: len(client.messages) == len(MESSAGES))
        assert client.payloads == MESSAGES
        assert end.asked_for == asked_for, "a signature over the query holds there"
        for payload in MESSAGES:
            client.link.publish("topic", payload, qos=0)
        client.link.disconnect()
        await eventually(lambda: end.of(Opcode.CLOSE))
        content = b"".join(end.of(Opcode.BINARY))
        for payload in MESSAGES:
            assert mqtt5.PublishPacket("topic", payload).write() in content
        assert (end.of(Opcode.PONG), client.ends) == ([b"hello"], [])


@pytest.mark.parametrize("said", [b"\x88\x00", b"\x82\x81mask!", b"\x89\x7e\x00\x80" + bytes(128)])
async def test_a_server_that_closes_or_breaks_the_rules(said: bytes) -> None:
    """The connection ends, once; what came before has arrived."""
    async with _server() as (address, ends):
        client = _client(address)
        client.link.connect()
        await eventually(lambda: ends and ends[0].of(Opcode.BINARY))
        ends[0].frames.send_binary(CONNACK + mqtt5.PublishPacket("topic", b"1").write())
        ends[0].writer.write(ends[0].to_send())
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
