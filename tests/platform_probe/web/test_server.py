"""The pages of the probe: negotiation, readiness, and what a connection may ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from platform_probe.outputs.metrics import ProbeMetrics, new_registry
from platform_probe.web.server import ProbePages


class Served:
    """A server on a free port, with a client."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.server = ProbePages(
            metrics=lambda media_type: (
                iter([b"for ", media_type.encode()]),
                "text/plain; version=0.0.4",
            ),
            not_ready=lambda: self.problem,
        ).server()

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
    served.server = ProbePages(metrics=metrics.exposition, not_ready=lambda: None).server()
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


async def test_the_runbook_is_there(served: Served) -> None:
    """The page of an alert; nothing else is served."""
    status, content_type, body = await served.get("/runbook/ProbeDown.md")
    assert (status, content_type.partition(";")[0]) == (200, "text/html")
    assert "<b>ProbeDown</b>" in body
    for path in ("/runbook/Nobody.md", "/secrets"):
        assert (await served.get(path))[0] == 404


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
