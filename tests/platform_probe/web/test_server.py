"""The HTTP side: negotiation, readiness, and a port that is taken."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import pytest

from fleet_wire.errors import LimitError
from platform_probe.outputs.logs import route_standard_library
from platform_probe.outputs.metrics import ProbeMetrics, new_registry
from platform_probe.web.server import HttpServer
from tests.helpers.fake_clock import FakeClock
from tests.helpers.log_lines import Log


class Served:
    """A server on a free port, with a client."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.server = HttpServer(
            metrics=lambda media_type: (
                iter([b"for ", media_type.encode()]),
                "text/plain; version=0.0.4",
            ),
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
    """The Accept header decides on the format, the page's maker on the content type."""
    status, content_type, body = await served.get("/metrics", Accept="application/x")
    assert (status, content_type) == (200, "text/plain; version=0.0.4")
    assert body == "for text/plain"
    accept = "application/OpenMetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1"
    assert (await served.get("/metrics", Accept=accept))[2] == "for application/openmetrics-text"


@pytest.mark.parametrize("name", ["text/plain", "application/openmetrics-text"])
@pytest.mark.parametrize("version", ["x", "", "1.0.0", "99", "1.0.0;escaping=values"])
async def test_any_accept_header_gets_a_page(name: str, version: str) -> None:
    """No version that a client makes up is an error of the server."""
    metrics = ProbeMetrics(new_registry(), version="1")
    served = Served()
    served.server = HttpServer(metrics=metrics.exposition, not_ready=lambda: None)
    await served.start()
    status, content_type, body = await served.get("/metrics", Accept=f"{name};version={version}")
    await served.server.stop()
    assert status == 200
    assert content_type.startswith(name)
    assert "unlockpath_in_flight 0.0" in body


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


async def test_only_reading_is_allowed(served: Served) -> None:
    """Another method is refused, and told which there are."""
    url = f"http://127.0.0.1:{served.port}/metrics"
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=b"x") as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
        async with session.head(url) as answer:
            assert (answer.status, await answer.read()) == (200, b"")


async def test_a_connection_carries_one_request(served: Served) -> None:
    """Requests that are sent all at once get one answer: they cannot crowd out the unlocks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: probe\r\n\r\n" * 50)
    answers = await reader.read()
    assert answers.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in answers.lower()
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\nHost: x", b"GET /metr"])
async def test_half_a_request_does_not_stay(
    served: Served, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that never ends its headers is shown out."""
    monkeypatch.setattr("platform_probe.web.server.CONNECTION_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(sent)
    with suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()


async def test_a_request_that_trickles_in_does_not_stay(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another letter now and then buys no more time: the connection has its own."""
    monkeypatch.setattr("platform_probe.web.server.CONNECTION_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    ended = asyncio.ensure_future(reader.read())
    writer.write(b"GET /metrics HTTP/1.1\r\nX-Patience: ")
    for _ in range(3_000):
        if ended.done():
            break
        writer.write(b"x")
        await asyncio.sleep(0.01)
    assert ended.done()
    with suppress(ConnectionResetError):
        assert ended.result() == b""
    writer.close()


async def test_bad_requests_do_not_fill_the_log(
    served: Served, root_logger: logging.Logger
) -> None:
    """Rubbish is answered, and logged now and then."""
    log = Log("debug")
    route_standard_library(log.logger, "warning", FakeClock())
    assert root_logger.handlers
    for _ in range(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.0 400")
        writer.close()
    assert [line["count"] for line in log.lines] == [1]


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


async def test_a_run_takes_a_free_port_where_the_usual_one_is_taken() -> None:
    """Nobody looks first and binds later: runs that start in the same moment do not collide."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = Served().server
        assert await server.start("127.0.0.1", port, or_free=True) not in (0, port)
        await server.stop()
