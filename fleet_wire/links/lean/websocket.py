"""MQTT over WebSocket (RFC 6455): between the bytes of a link and those of its connection."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast
from urllib.parse import quote

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from fleet_wire.links.link import BrokerAddress

_LARGEST_FRAME: Final = 16 * 1024 * 1024
"""Bytes of a frame, which may hold many packets; mosquitto and RabbitMQ send less than 1 MB [E]."""
_CONTENT: Final = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
_KEPT_IN_URLS: Final = "/?%:@!$&'()*+,;=~"
"""Characters of a path and a query that stay as they are (RFC 3986, sections 3.3 and 3.4)."""


class WebSocket(asyncio.Transport, asyncio.Protocol):
    """One connection: the transport of a link, and the protocol of a transport of the event loop.

    The link that is `above` sees it as soon as the server has agreed; `opened` is done then. Frames
    do not matter to MQTT: their content is passed on as it comes.
    """

    def __init__(
        self, above: asyncio.Protocol, broker: BrokerAddress, opened: asyncio.Future[None]
    ) -> None:
        super().__init__()
        self._above = above
        self._path = broker.path
        self._opened = opened
        self._frames = ClientProtocol(
            WebSocketURI(
                broker.is_tls,
                broker.host,
                broker.port,
                quote(broker.path, _KEPT_IN_URLS),
                quote(broker.query, _KEPT_IN_URLS),
            ),
            subprotocols=[Subprotocol("mqtt")],
            max_size=(None, _LARGEST_FRAME),
        )
        self._is_open = False
        self._below: asyncio.Transport

    async def until_open(self) -> None:
        """Wait for the server to agree. Raises `OSError`. A caller that is cancelled closes it."""
        try:
            await self._opened
        finally:
            if not self._is_open:
                self._below.abort()

    # The protocol of the event loop's transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the server to speak WebSocket."""
        self._below = cast("asyncio.Transport", transport)
        self._frames.send_request(self._frames.connect())
        self._send()

    def data_received(self, data: bytes) -> None:
        """Pass on the content of frames."""
        self._frames.receive_data(data)
        self._send()
        content: list[bytes] = []
        for event in self._frames.events_received():
            if isinstance(event, Response):
                self._open()
            elif isinstance(event, Frame) and event.opcode in _CONTENT:
                content.append(bytes(event.data))
        if self._frames.handshake_exc is not None:
            self._fail(self._frames.handshake_exc)
        elif content:
            self._above.data_received(b"".join(content))
        if self._frames.state is State.CLOSING:
            self._below.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report that the connection is gone."""
        if self._is_open:
            self._above.connection_lost(exc)
        else:
            self._frames.receive_eof()
            self._fail(self._frames.handshake_exc or "the server has closed")

    def pause_writing(self) -> None:
        """Report that the server does not read."""
        self._above.pause_writing()

    def resume_writing(self) -> None:
        """Report that it reads again."""
        self._above.resume_writing()

    def _open(self) -> None:
        """Give the link its transport, if the server has agreed and somebody still waits."""
        if self._frames.state is State.OPEN and not self._opened.done():
            self._is_open = True
            self._opened.set_result(None)
            self._above.connection_made(self)

    def _fail(self, why: object) -> None:
        if not self._opened.done():
            self._opened.set_exception(ConnectionError(f"no WebSocket at {self._path}: {why}"))

    def _send(self) -> None:
        for data in self._frames.data_to_send():
            if data:  # an empty one asks to close, which the link does
                self._below.write(data)

    # The transport of the link

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send bytes of MQTT as one frame; nothing after the end."""
        if self._frames.state is State.OPEN:
            self._frames.send_binary(data)
            self._send()

    def close(self) -> None:
        """Say goodbye, and close when all is written."""
        if self._frames.state is State.OPEN:
            self._frames.send_close()
            self._send()
        self._below.close()

    def abort(self) -> None:
        """Close at once."""
        self._below.abort()

    def is_closing(self) -> bool:
        """Return whether it closes."""
        return self._below.is_closing()

    def pause_reading(self) -> None:
        """Read no more."""
        self._below.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._below.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Change who is above."""
        self._above = cast("asyncio.Protocol", protocol)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait."""
        return self._below.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the connection says of itself."""
        return self._below.get_extra_info(name, default)
