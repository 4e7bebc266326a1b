"""The pages of the probe: negotiation, readiness, and what a connection may ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import aiohttp
import pytest

from platform_probe.outputs.metrics import ProbeMetrics, new_registry
from platform_probe.web.server import ProbePages


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Serve metrics, without a broker."""
    metrics = ProbeMetrics(new_registry(), version="1")
    pages = ProbePages(metrics=metrics.exposition, not_ready=lambda: "no connection").server()
    yield await pages.start("127.0.0.1", 0)
    await pages.stop()


class Page(NamedTuple):
    """A request, and what is answered."""

    path: str
    status: int
    content_type: str
    body: str
    """Part of it."""
    method: str = "GET"
    accept: str = "*/*"


TEXT, PROBLEM, METRICS = "text/plain", "application/problem+json", "unlockpath_in_flight 0.0"
OPENMETRICS = "application/openmetrics-text"
PAGES = {
    "metrics for who asks for something else": Page(
        "/metrics", 200, TEXT, METRICS, accept="application/x"
    ),
    "metrics for who prefers OpenMetrics": Page(
        "/metrics", 200, OPENMETRICS, METRICS,
        accept="application/OpenMetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1",
    ),
    **{
        f"metrics for {name} of version {version!r}": Page(
            "/metrics", 200, name, METRICS, accept=f"{name};version={version}"
        )
        for name in (TEXT, OPENMETRICS)
        for version in ("x", "", "1.0.0", "99", "1.0.0;escaping=values")
    },
    "that the process lives": Page("/healthz", 200, TEXT, ""),
    "why it is not ready, as RFC 9457 has it": Page(
        "/readyz", 503, PROBLEM, '"detail":"no connection"'
    ),
    "what it serves": Page("/", 200, "text/html", 'href="readyz"'),
    "the runbook of an alert": Page("/runbook/ProbeDown.md", 200, "text/html", "<b>ProbeDown</b>"),
    "no runbook of what is no alert": Page("/runbook/Nobody.md", 404, "", ""),
    "no secrets": Page("/secrets", 404, "", ""),
    "nothing to who writes": Page("/metrics", 405, "", "", method="POST"),
    "no body to HEAD": Page("/metrics", 200, TEXT, "", method="HEAD"),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
async def test_pages(port: int, name: str) -> None:
    """What is answered. No version that a client makes up is an error of the server."""
    asked = PAGES[name]
    url, headers = f"http://127.0.0.1:{port}{asked.path}", {"Accept": asked.accept}
    async with (
        aiohttp.ClientSession() as session,
        session.request(asked.method, url, headers=headers) as answer,
    ):
        body = await answer.text()
        assert answer.status == asked.status
        assert answer.headers["Content-Type"].startswith(asked.content_type)
        assert asked.body in body
        assert (asked.status == 405) is (answer.headers.get("Allow") == "GET, HEAD")
        assert asked.method != "HEAD" or body == ""


async def test_it_is_ready_where_nothing_is_wrong() -> None:
    """Ready is 200."""
    pages = ProbePages(metrics=lambda _: (iter(()), ""), not_ready=lambda: None).server()
    url = f"http://127.0.0.1:{await pages.start('127.0.0.1', 0)}/readyz"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200
    await pages.stop()


async def test_a_connection_carries_one_request(port: int) -> None:
    """Requests that are sent all at once get one answer: they cannot crowd out the unlocks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: probe\r\n\r\n" * 50)
    answers = await reader.read()
    assert answers.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in answers.lower()
    writer.close()
