"""The HTTP client: answers of any status, and servers that give none."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from fleet_wire.web.client import HttpClient, NoAnswerError, NotSentError
from fleet_wire.web.exchange import HttpRequest, HttpResponse
from fleet_wire.web.server import HttpServer


async def teapot(request: HttpRequest) -> HttpResponse:
    """Answer with what came, and a status that nobody expects; `/slow` waits for ever."""
    if request.path == "/slow":
        await asyncio.sleep(3_600)
    if request.path == "/long":
        return HttpResponse(200, b"x" * 2_000)
    if request.path == "/away":
        return HttpResponse(302, b"", headers={"Location": "http://192.0.2.1/"})
    token = request.headers.get("authorization", "none")
    body = f"{request.method} {request.path} {token} ".encode() + await request.body()
    return HttpResponse(418, body, "text/x-tea", {"X-Pot": "brown"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Run a server."""
    server = HttpServer(teapot, connection_s=60.0, max_body_bytes=1_000)
    yield await server.start("127.0.0.1", 0)
    await server.stop()


@pytest.fixture
async def client(port: int) -> AsyncIterator[HttpClient]:
    """Make a client of it."""
    client = HttpClient(f"http://127.0.0.1:{port}/")
    yield client
    await client.close()


async def test_an_answer_of_any_status_is_an_answer(client: HttpClient) -> None:
    """Status, body, content type and headers come as they were sent."""
    answer = await client.request(
        "POST", "/a%20b", timeout_s=30, headers={"Authorization": "Bearer x"}, body=b"milk"
    )
    assert answer[:3] == (418, b"POST /a b Bearer x milk", "text/x-tea")
    assert answer.headers["x-pot"] == "brown"


async def test_redirections_are_not_followed(client: HttpClient) -> None:
    """A token goes nowhere else."""
    assert (await client.request("GET", "/away", timeout_s=30, headers={})).status == 302


async def test_no_answer_in_time(client: HttpClient) -> None:
    """Whoever waits too long learns that, and no more."""
    with pytest.raises(NoAnswerError):
        await client.request("GET", "/slow", timeout_s=0.05, headers={})


async def test_an_answer_without_an_end_is_none(port: int) -> None:
    """A server cannot fill our memory."""
    client = HttpClient(f"http://127.0.0.1:{port}", max_answer_bytes=1_000)
    with pytest.raises(NoAnswerError, match="more than 1000 bytes"):
        await client.request("GET", "/long", timeout_s=30, headers={})
    await client.close()


async def test_nobody_listens() -> None:
    """So does whoever reaches nobody."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        client = HttpClient(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(NotSentError):
            await client.request("GET", "/", timeout_s=30, headers={})
        await client.close()
