"""The HTTP side: negotiation, readiness, and a port that is taken."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from fleet_wire.errors import LimitError
from platform_probe.web.server import HttpServer


class Served:
    """A server on a free port, with a client."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.server = HttpServer(
            metrics=lambda accept: (f"for {accept}".encode(), "text/plain; version=0.0.4"),
            not_ready=lambda: self.problem,
        )

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """Return status, content type and body."""
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return answer.status, answer.headers["Content-Type"], await answer.text()

    async def start(self) -> None:
        """Listen."""
        self.port = await self.server.start("127.0.0.1", 0)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Return a server that listens."""
    served = Served()
    await served.start()
    yield served
    await served.server.stop()


async def test_metrics_negotiate(served: Served) -> None:
    """The Accept header reaches the page's maker, its content type reaches the client."""
    status, content_type, body = await served.get("/metrics", Accept="application/x")
    assert (status, content_type) == (200, "text/plain; version=0.0.4")
    assert body == "for application/x"


async def test_health_and_index(served: Served) -> None:
    """The process says that it lives, and what it serves."""
    assert (await served.get("/healthz"))[0] == 200
    status, content_type, body = await served.get("/")
    assert status == 200
    assert content_type.startswith("text/html")
    for path in ("metrics", "healthz", "readyz"):
        assert f'href="{path}"' in body


async def test_readiness_says_why_not(served: Served) -> None:
    """Not ready is a problem as RFC 9457 has it; ready is 200."""
    assert (await served.get("/readyz"))[0] == 200
    served.problem = "no connection"
    status, content_type, body = await served.get("/readyz")
    assert status == 503
    assert content_type.startswith("application/problem+json")
    assert '"detail":"no connection"' in body
    assert '"status":503' in body


async def test_unknown_path_is_404(served: Served) -> None:
    """Nothing else is served."""
    assert (await served.get("/secrets"))[0] == 404


async def test_taken_port_is_named_with_its_cure() -> None:
    """The error names the port and two ways out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LimitError) as caught:
            await Served().server.start("127.0.0.1", port)
    assert f"port {port} on 127.0.0.1 is taken" in caught.value.limit
    assert f"sport = :{port}" in caught.value.cure
    assert "--listen" in caught.value.cure


async def test_address_of_another_machine_is_refused() -> None:
    """An address that is not ours cannot be listened on."""
    with pytest.raises(LimitError, match=r"cannot listen on 192\.0\.2\.1:0"):
        await Served().server.start("192.0.2.1", 0)
