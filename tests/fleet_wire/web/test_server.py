"""The HTTP server: how long connections may be, what becomes of handlers, and its port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest

from fleet_wire.errors import LimitError
from fleet_wire.web.exchange import (
    BodyTooLargeError,
    HttpRequest,
    HttpResponse,
    HttpStream,
    UnreadableBodyError,
)
from fleet_wire.web.server import MAX_HEADER_BYTES, MAX_URL_BYTES, Handler, HttpServer, ignore

GET = b"GET / HTTP/1.1\r\nHost: server\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: server\r\nContent-Length: %d\r\n\r\n"


async def hello(_: HttpRequest) -> HttpResponse:
    """Answer anything."""
    return HttpResponse(200, b"hello")


async def echo(request: HttpRequest) -> HttpResponse:
    """Answer with what was asked."""
    try:
        body = await request.body()
    except BodyTooLargeError:
        return HttpResponse(413, b"too large")
    except UnreadableBodyError:
        return HttpResponse(400, b"broken")
    return HttpResponse(200, f"{request.method} {request.path} {body.decode()}".encode())


@asynccontextmanager
async def listening(
    handler: Handler = hello,
    *,
    connection_s: float = 60.0,
    answer_s: float = 60.0,
    one_request: bool = False,
    on_defect: Callable[[BaseException], None] = ignore,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, HttpServer]]:
    """Give a connection to a server, and the server."""
    server = HttpServer(
        handler,
        connection_s=connection_s,
        answer_s=answer_s,
        max_body_bytes=100,
        one_request=one_request,
        refusal=lambda status: HttpResponse(status, b"refused"),
        on_defect=on_defect,
    )
    port = await server.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield reader, writer, server
    writer.close()
    await server.stop()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return status and body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


REFUSED: Final = b"refused"
HTTP: Final = b" HTTP/1.1\r\n"
CHUNKED: Final = POST.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked")


Answers = list[tuple[int, bytes]]
EXCHANGES: Final[dict[str, tuple[bytes, Answers]]] = {
    "nothing at all does not stay": (b"", []),
    "half a line does not stay": (GET[:7], []),
    "half a head does not stay": (GET[:-2], []),
    "half a body does not stay": (POST % 10 + b"half", []),
    "requests sent at once are answered in order": (
        b"".join(GET.replace(b"/ ", b"/%d " % number) for number in range(20)),
        [(200, b"GET /%d " % number) for number in range(20)],
    ),
    "a path is decoded, without its query": (
        GET.replace(b" / ", b" /a%20b?c=/d "), [(200, b"GET /a b ")],
    ),
    "a target may be a whole URL": (
        GET.replace(b" / ", b" http://elsewhere/a%20b?c=/d "), [(200, b"GET /a b ")],
    ),
    "a body has a bound": (
        POST % 100 + b"x" * 100 + CHUNKED + b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n",
        [(200, b"POST / " + b"x" * 100), (413, b"too large")],
    ),
    "a target has a bound": (b"GET /" + b"a" * MAX_URL_BYTES + HTTP + b"\r\n", [(414, REFUSED)]),
    "a header has a bound": (
        b"GET /" + HTTP + b"X: " + b"a" * MAX_HEADER_BYTES + b"\r\n\r\n", [(431, REFUSED)],
    ),
    "a head has a bound": (GET[:-2] + b"X: " + b"x" * 100_000, [(431, REFUSED)]),
    "headers have a bound": (b"GET /" + HTTP + b"X-A: a\r\n" * 129 + b"\r\n", [(431, REFUSED)]),
    "what is no header is refused": (b"GET /" + HTTP + b"no header\r\n\r\n", [(400, REFUSED)]),
    "what is no HTTP is refused": (b"no http at all\r\n\r\n", [(400, REFUSED)]),
}  # fmt: skip
"""What somebody sends on a new connection, and the statuses and bodies that come back."""


@pytest.mark.parametrize("name", EXCHANGES)
async def test_what_is_sent_is_answered(name: str) -> None:
    """In our words, also what is refused, which ends the connection, as holding back does."""
    sent, answers = EXCHANGES[name]
    async with listening(echo, connection_s=60.0 if answers else 0.05) as (reader, writer, _):
        writer.write(sent)
        assert [await answer_of(reader) for _ in answers] == answers
        if not answers or answers[-1][1] == REFUSED:
            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 30) == b""


async def test_one_request_only() -> None:
    """Where a connection carries one request, the others sent with it get no answer."""
    async with listening(one_request=True) as (reader, writer, _):
        writer.write(GET * 50)
        assert (await reader.read()).count(b"HTTP/1.1 200") == 1


async def test_a_request_that_trickles_in_does_not_stay() -> None:
    """Another letter now and then buys no more time."""
    async with listening(connection_s=0.2) as (reader, writer, _):
        ended = asyncio.ensure_future(reader.read())
        writer.write(GET[:-2] + b"X-Patience: ")
        for _letter in range(3_000):
            if ended.done():
                break
            writer.write(b"x")
            await asyncio.sleep(0.01)
        assert ended.done()
        with suppress(ConnectionResetError):
            assert ended.result() == b""


async def test_an_answer_may_take_longer_than_a_request() -> None:
    """A client that waits is no client that holds back."""

    async def slow(_: HttpRequest) -> HttpResponse:
        await asyncio.sleep(1.5)
        return HttpResponse(200, b"at last")

    async with listening(slow, connection_s=1.0) as (reader, writer, _):
        writer.write(GET)
        assert await answer_of(reader) == (200, b"at last")
        assert await reader.read() == b""


async def test_an_answer_that_takes_too_long_is_none() -> None:
    """Nor does a handler that hangs keep its connection."""

    async def hangs(_: HttpRequest) -> HttpResponse:
        await asyncio.sleep(3_600)
        return HttpResponse(200, b"")

    async with listening(hangs, answer_s=0.05, connection_s=0.05) as (reader, writer, _):
        writer.write(GET)
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 30) == b""


@pytest.mark.parametrize(
    "body",
    [
        b"Transfer-Encoding: chunked\r\n\r\nno number\r\n",
        b"Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\nno gzip...",
    ],
)
async def test_a_body_that_is_broken(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Its client is told; the handler gets an error of its own, and no log a traceback."""
    async with listening(echo) as (reader, writer, _):
        writer.write(POST.partition(b"Content-Length")[0] + body)
        status, _said = await answer_of(reader)
        assert status == 400
        await reader.read()  # until the server has closed the connection
    assert [record for record in caplog.records if record.exc_info] == []


async def test_a_connection_that_is_used_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request that is answered gives the connection its time anew."""
    loop = asyncio.get_running_loop()
    passed_s, time_s = [0.0], loop.time
    monkeypatch.setattr(loop, "time", lambda: time_s() + sum(passed_s))
    async with listening(connection_s=600.0) as (reader, writer, _):
        for _request in range(4):
            writer.write(GET)
            assert await answer_of(reader) == (200, b"hello")
            passed_s.append(400.0)
        passed_s.append(400.0)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""


async def test_a_flood_of_what_is_no_http_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Each is refused; the log has the first one of a minute."""
    async with listening() as (_, first, _server):
        address = first.get_extra_info("peername")
        for _ in range(5):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"no http at all\r\n\r\n")
            assert await answer_of(reader) == (400, b"refused")
            writer.close()
    (line,) = caplog.records
    assert "no HTTP from 127.0.0.1" in line.getMessage()


async def test_a_handler_that_fails_is_answered_for(caplog: pytest.LogCaptureFixture) -> None:
    """Each client gets the refusal and no traceback; each is counted, and the first one logged."""
    defects: list[BaseException] = []

    async def fails(_: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    async with listening(fails, on_defect=defects.append) as (reader, writer, _):
        writer.write(GET)
        assert await answer_of(reader) == (500, b"refused")
        address = writer.get_extra_info("peername")
        another_reader, other = await asyncio.open_connection(*address)
        other.write(GET)
        assert await answer_of(another_reader) == (500, b"refused")
        other.close()
    assert [type(error) for error in defects] == [ZeroDivisionError] * 2
    (line,) = caplog.records
    assert line.exc_info is not None


async def test_a_stream_that_fails_ends_its_connection() -> None:
    """What had been sent stays; the end is missing, and the defect is counted."""
    defects: list[BaseException] = []

    async def chunks() -> AsyncIterator[bytes]:
        yield b"begun"
        raise ZeroDivisionError

    async def fails(_: HttpRequest) -> HttpStream:
        return HttpStream(200, chunks(), "text/plain")

    async with listening(fails, on_defect=defects.append) as (reader, writer, _):
        writer.write(GET)
        said = await reader.read()
        assert said.endswith(b"5\r\nbegun\r\n")
    assert [type(error) for error in defects] == [ZeroDivisionError]


async def test_a_handler_learns_that_its_client_has_gone() -> None:
    """It is cancelled, so that nothing waits for nobody."""
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def waits(_: HttpRequest) -> HttpResponse:
        begun.set()
        try:
            await asyncio.sleep(3_600)
        finally:
            cancelled.set()
        return HttpResponse(200, b"")

    async with listening(waits) as (_, writer, _server):
        writer.write(GET)
        await begun.wait()
        writer.close()
        await asyncio.wait_for(cancelled.wait(), 30)


async def test_an_answer_under_way_is_given_before_the_server_stops() -> None:
    """Whoever has been let in is served; nobody else is let in."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def waits(_: HttpRequest) -> HttpResponse:
        begun.set()
        await go_on.wait()
        return HttpResponse(200, b"served")

    async with listening(waits) as (reader, writer, server):
        writer.write(GET)
        await begun.wait()
        stopping = asyncio.ensure_future(server.stop())
        await asyncio.sleep(0)
        go_on.set()
        assert await answer_of(reader) == (200, b"served")
        assert await reader.read() == b""
        await stopping


async def test_taken_port_is_named_with_its_cure() -> None:
    """The error names the port and two ways out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LimitError) as caught:
            await _server().start("127.0.0.1", port)
    assert f"port {port} on 127.0.0.1 is taken" in caught.value.limit
    assert f"sport = :{port}" in caught.value.cure
    assert "--listen" in caught.value.cure


async def test_address_of_another_machine_is_refused() -> None:
    """An address that is not ours cannot be listened on."""
    with pytest.raises(LimitError, match=r"cannot listen on 192\.0\.2\.1:0"):
        await _server().start("192.0.2.1", 0)


async def test_a_free_port_is_taken_where_the_usual_one_is_taken() -> None:
    """Nobody looks first and binds later: who starts in the same moment does not collide."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = _server()
        assert await server.start("127.0.0.1", port, or_free=True) not in (0, port)
        await server.stop()


def _server() -> HttpServer:
    return HttpServer(hello, connection_s=1.0, max_body_bytes=100)
