"""A server on a port of this machine that takes JSON, or answers as a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fleet_wire.web.exchange import HttpRequest, HttpResponse
from fleet_wire.web.server import HttpServer


@dataclass
class JsonReceiver:
    """What has come so far."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    """Of the next answers; 200 afterwards."""
    bodies: list[Any] = field(default_factory=list)
    """What was taken."""
    raw: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: int = 0

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Take a request."""
        self.asked += 1
        body = await request.body()
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.raw.append(body)
            self.bodies.append(msgspec.json.decode(body))
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
        return HttpResponse(status, b"no" if status != 200 else b"", headers={"Retry-After": "0"})


@asynccontextmanager
async def json_receiver() -> AsyncIterator[JsonReceiver]:
    """Serve until the block ends."""
    receiver = JsonReceiver()
    server = HttpServer(receiver.answer, connection_s=30, max_body_bytes=1_000_000)
    port = await server.start("127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{port}/hook?a=b"
    try:
        yield receiver
    finally:
        await server.stop()
