"""Sends HTTP requests over connections that stay open, and times the answers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import cast

import msgspec

from bench.pacing import Pacer

CONNECTIONS = 64
_DRAIN_S = 3.0
"""An answer that comes later than this after the last one counts as lost."""
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"
_STATUS = slice(9, 12)


class HttpResult(msgspec.Struct):
    """What one load came to."""

    sent: int
    statuses: dict[str, int]
    elapsed_s: float
    """From the first start to the last answer."""
    latencies_s: list[float]
    """From the intended start to the last byte of the answer."""

    @property
    def answered(self) -> int:
        """Return how many answers came, whatever they said."""
        return len(self.latencies_s)


class _Connection(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self, load: HttpLoad) -> None:
        self._load = load
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.intended_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, intended_s: float) -> None:
        """Send a request that should have started at `intended_s`."""
        assert self._transport is not None  # noqa: S101 - connected before any load
        self.intended_s = intended_s
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Look for the end of the answer."""
        buffer = self._buffer = self._buffer + data if self._buffer else data
        head_ends = buffer.find(_END_OF_HEAD)
        if head_ends < 0:
            return
        head = buffer[:head_ends].lower()
        place = head.find(_LENGTH)
        length = int(head[place + len(_LENGTH) :].partition(b"\r")[0]) if place >= 0 else 0
        if len(buffer) >= head_ends + len(_END_OF_HEAD) + length:
            self._buffer = b""
            self._load.on_answer(self, buffer[_STATUS].decode())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's form
        self._load.lost_connections += 1

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()


class HttpLoad:
    """A client with `CONNECTIONS` connections."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connections: list[_Connection] = []
        self._idle: deque[_Connection] = deque()
        self._late: deque[float] = deque()
        self._requests: Iterator[bytes] = iter(())
        self._begin()
        self.lost_connections = 0

    def _begin(self) -> None:
        self._sent = 0
        self._statuses: Counter[str] = Counter()
        self._latencies_s: list[float] = []
        self._last_answer_s = 0.0

    async def connect(self) -> None:
        """Open the connections."""
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            _, connection = await loop.create_connection(
                lambda: _Connection(self), "127.0.0.1", self._port
            )
            self._connections.append(connection)
        self._idle.extend(self._connections)

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.close()

    async def open_loop(
        self, requests: Iterator[bytes], *, rate_per_s: float, total: int
    ) -> HttpResult:
        """Send `total` requests at a rate, each timed from when it was due."""
        self._begin()
        self._requests = requests
        done = asyncio.Event()
        begun = 0

        def on_due(expirations: int) -> None:
            nonlocal begun
            for _ in range(min(expirations, total - begun)):
                intended_s = start_s + begun * pacer.interval_s
                begun += 1
                if self._idle:
                    self._send(self._idle.popleft(), intended_s)
                else:
                    self._late.append(intended_s)
            if begun == total:
                done.set()

        pacer = Pacer(rate_per_s, on_due)
        start_s = pacer.start()
        await done.wait()
        pacer.stop()
        return await self._result(start_s)

    def _send(self, connection: _Connection, intended_s: float) -> None:
        self._sent += 1
        connection.send(next(self._requests), intended_s)

    def on_answer(self, connection: _Connection, status: str) -> None:
        """Take one answer; send what waits."""
        now_s = self._last_answer_s = time.monotonic()
        self._latencies_s.append(now_s - connection.intended_s)
        self._statuses[status] += 1
        if self._late:
            self._send(connection, self._late.popleft())
        else:
            self._idle.append(connection)

    async def _result(self, start_s: float) -> HttpResult:
        quiet_since_s, answered = time.monotonic(), len(self._latencies_s)
        while answered < self._sent and time.monotonic() - quiet_since_s < _DRAIN_S:
            await asyncio.sleep(0.01)
            if len(self._latencies_s) != answered:
                quiet_since_s, answered = time.monotonic(), len(self._latencies_s)
        return HttpResult(
            sent=self._sent,
            statuses=dict(self._statuses),
            elapsed_s=max(self._last_answer_s - start_s, 1e-9),
            latencies_s=self._latencies_s,
        )


def post(path: str, body: bytes, **headers: str) -> bytes:
    """Return a POST of JSON as it goes over the wire; `_` in a header's name stands for `-`."""
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    head = (
        f"POST {path} HTTP/1.1\r\nHost: api.example\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{''.join(lines)}\r\n"
    )
    return head.encode() + body
