"""MQTT over WebSocket (RFC 6455): between the bytes of a link and those of its connection."""

from __future__ import annotations

import asyncio
import hashlib
import os
from base64 import b64encode
from typing import Any, Final, cast

from fleet_wire.links.link import BrokerAddress

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What a server adds to our key (section 1.3)."""
_LONGEST_ANSWER: Final = 16_384
"""Bytes of an answer to our request, of which nothing but a few headers matters [E]."""
_LONGEST_HEAD: Final = 10
_FINAL: Final = 0x80
_MASKED: Final = 0x80
_CLOSE, _PING, _PONG = 8, 9, 10
_FIRST_CONTROL: Final = 8
_LONGEST_CONTROL: Final = 125
_LONGEST_OF_TWO: Final = 65_535


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
        self._broker = broker
        self._opened = opened
        self._key = b64encode(os.urandom(16))
        self._is_open = False
        self._incoming = b""
        """Less than an answer, or than the head of a frame."""
        self._left = 0
        """How much of a frame's content has not come."""
        self._below: asyncio.Transport

    async def until_open(self) -> None:
        """Wait for the server to agree; whoever waits no more closes. Raises `OSError`."""
        try:
            await self._opened
        finally:
            if not self._is_open:
                self._below.abort()

    # The protocol of the event loop's transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the server to speak WebSocket."""
        self._below = cast("asyncio.Transport", transport)
        host = f"[{self._broker.host}]" if ":" in self._broker.host else self._broker.host
        lines = (
            f"GET {self._broker.path} HTTP/1.1", f"Host: {host}:{self._broker.port}",
            "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: mqtt", f"Sec-WebSocket-Key: {self._key.decode()}", "", "",
        )  # fmt: skip
        self._below.write("\r\n".join(lines).encode())

    def data_received(self, data: bytes) -> None:
        """Pass on the content of frames."""
        data, self._incoming = self._incoming + data, b""
        if not self._is_open:
            data = self._read_answer(data)
        content = self._read_frames(data) if self._is_open else b""
        if content:
            self._above.data_received(content)

    def connection_lost(self, exc: Exception | None) -> None:
        """Report that the connection is gone."""
        if self._is_open:
            self._above.connection_lost(exc)
        else:
            self._fail(f"no WebSocket at {self._broker.path}: the server has closed")

    def pause_writing(self) -> None:
        """Report that the server does not read."""
        self._above.pause_writing()

    def resume_writing(self) -> None:
        """Report that it reads again."""
        self._above.resume_writing()

    def _fail(self, why: str) -> None:
        if not self._opened.done():
            self._opened.set_exception(ConnectionError(why))

    def _read_answer(self, data: bytes) -> bytes:
        """Return what follows the server's answer, once that is there and agrees."""
        head, end, rest = data.partition(b"\r\n\r\n")
        is_http = head.startswith(b"HTTP/"[: len(head)]) and len(head) <= _LONGEST_ANSWER
        if self._opened.done():  # nobody waits for it any more
            return b""
        if is_http and not end:
            self._incoming = data
            return b""
        status, *lines = head.split(b"\r\n")
        pairs = (line.partition(b":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        accepted = b64encode(hashlib.sha1(self._key + _GUID, usedforsecurity=False).digest())
        if b" 101 " not in status + b" " or headers.get(b"sec-websocket-accept") != accepted:
            shown = status[:80].decode("latin-1") if is_http else "no HTTP"
            self._fail(f"no WebSocket at {self._broker.path}: {shown}")
            return b""
        self._is_open = True
        self._opened.set_result(None)
        self._above.connection_made(self)
        return rest

    def _read_frames(self, data: bytes) -> bytes:
        """Return the content of what has come; a frame that nobody may send ends the connection."""
        parts: list[bytes] = []
        at, end = 0, len(data)
        while at < end:
            if self._left:
                parts.append(data[at : at + self._left])
                at += len(parts[-1])
                self._left -= len(parts[-1])
                continue
            head = data[at : at + _LONGEST_HEAD]
            kind, length = head[0] & 0x0F, head[1] & 0x7F if len(head) > 1 else 0
            start, is_control = at + 2 + {126: 2, 127: 8}.get(length, 0), kind >= _FIRST_CONTROL
            if end < start + (length if is_control else 0):
                self._incoming = data[at:]
                break
            if head[1] & _MASKED or (length > _LONGEST_CONTROL and is_control):
                self._below.abort()
                break
            if is_control:
                at = start + length
                self._answer(kind, data[start:at])
            else:
                size = data[at + 2 : start]
                at, self._left = start, int.from_bytes(size, "big") if size else length
        return b"".join(parts)

    def _answer(self, kind: int, content: bytes) -> None:
        """Answer a frame that is none of MQTT's."""
        if kind == _PING:
            self._below.write(_frame(_PONG, content))
        elif kind == _CLOSE:
            self.close()

    # The transport of the link

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send bytes of MQTT as one frame."""
        self._below.write(_frame(2, bytes(data)))

    def close(self) -> None:
        """Say goodbye, and close when all is written."""
        if not self._below.is_closing():
            self._below.write(_frame(_CLOSE, b""))
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


def _frame(kind: int, content: bytes) -> bytes:
    """Return a whole frame of a client, masked as section 5.3 asks for."""
    length, mask = len(content), os.urandom(4)
    if length <= _LONGEST_CONTROL:
        size = bytes((_MASKED | length,))
    elif length <= _LONGEST_OF_TWO:
        size = bytes((_MASKED | 126,)) + length.to_bytes(2, "big")
    else:
        size = bytes((_MASKED | 127,)) + length.to_bytes(8, "big")
    pad = (mask * (length // 4 + 1))[:length]
    masked = int.from_bytes(content, "big") ^ int.from_bytes(pad, "big")
    return b"".join((bytes((_FINAL | kind,)), size, mask, masked.to_bytes(length, "big")))
