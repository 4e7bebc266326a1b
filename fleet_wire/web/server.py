"""An HTTP server for one handler. No other module knows aiohttp's server."""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from logging import Logger
from typing import Any, Final, cast

from aiohttp import http, web
from aiohttp.http_exceptions import ContentEncodingError, LineTooLong

from fleet_wire.web.exchange import (
    TEXT,
    BodyTooLargeError,
    HttpRequest,
    HttpResponse,
    HttpStream,
    UnreadableBodyError,
)
from fleet_wire.web.heads import head_of
from fleet_wire.web.listening import listen_error

STOP_WITHIN_S: Final = 5.0
"""Time at the end for answers that are under way."""

MAX_SAID: Final = 200
"""Most letters of invalid HTTP in the log."""
MAX_URL_BYTES: Final = 8_192
"""RFC 9110, section 4.1, asks for 8,000 octets at least."""
MAX_HEADER_BYTES: Final = 8_190
"""Largest size of one header, as in aiohttp. Another number than that of URLs: by it aiohttp's
error says which of both was too long."""
URI_TOO_LONG: Final = 414
"""RFC 9110, section 15.5.15."""
HEADERS_TOO_LARGE: Final = 431
"""RFC 6585, section 5."""
UNREAD_CODING: Final = 415
"""RFC 9110, section 15.5.16. aiohttp stops at the head where a package is missing that unpacks."""
_TOO_MANY: Final = "Too many headers"
"""So aiohttp's error begins where there are more than 128."""
_HEAD: Final = "HEAD"
LOGGED_EVERY_S: Final = 60.0
_OF_CLIENTS: Final = (web.RequestPayloadError, ConnectionError)
"""Exceptions that are no defects: a body that is not what its head says, a client that has gone."""
_LOGGER: Final = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], Awaitable[HttpResponse | HttpStream]]
Refusal = Callable[[int], HttpResponse]


def plain_refusal(status: int) -> HttpResponse:
    """Return a line of text that says no more than the status."""
    return HttpResponse(status, f"{status}: {HTTPStatus(status).phrase.lower()}\n".encode(), TEXT)


def ignore(_: BaseException) -> None:
    """Do nothing: the log has it."""


def at_url(host: str, port: int) -> str:
    """Return the URL at which a server that listens there is reached."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


class HttpServer:
    """Answers each request with what `handler` returns.

    A connection closes after `connection_s` of waiting for its client, whatever has arrived. A
    client that sends a byte now and then stays no longer. It also closes when an answer and the
    client's reading of it need more than `answer_s` (None: no limit). A streamed answer has so long
    for each chunk. With `one_request` it ends after its first answer.

    `refusal` makes the answer for what is no HTTP, and for what a handler should not have raised.
    An exception of a handler is answered with 500 without its text, and counted by `on_defect`. Its
    traceback is logged at most once in `LOGGED_EVERY_S`. What is no HTTP is logged as a warning, as
    seldom, unless `logs_no_http` is false: who counts it need not. A handler is cancelled when its
    client hangs up.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        connection_s: float,
        answer_s: float | None = None,
        max_body_bytes: int,
        one_request: bool = False,
        refusal: Refusal = plain_refusal,
        logs_no_http: bool = True,
        on_defect: Callable[[BaseException], None] = ignore,
    ) -> None:
        self._on_defect = on_defect
        self._handler = handler
        self.connection_s = connection_s
        self.answer_s = connection_s if answer_s is None else answer_s
        self.max_body_bytes = max_body_bytes
        self._one_request = one_request
        self.refusal = refusal
        self._logs_no_http = logs_no_http
        self._defects, self._no_http = _Seldom(), _Seldom()
        self._runner: web.ServerRunner | None = None

    async def start(self, host: str, port: int, *, or_free: bool = False) -> int:
        """Listen, and return the port; with `or_free` any free one where that is taken.

        Raises `LimitError` where the address cannot be had.
        """
        runner = web.ServerRunner(_Server(self), shutdown_timeout=STOP_WITHIN_S)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                if not or_free or error.errno != errno.EADDRINUSE:
                    raise
                await web.TCPSite(runner, host, 0).start()
        except OSError as error:
            await runner.cleanup()
            raise listen_error(host, port, error) from error
        self._runner = runner
        port_used: int = runner.addresses[0][1]
        return port_used

    async def stop(self) -> None:
        """Close the port, let answers that are under way be given, and end the connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the handler's answer as aiohttp takes it."""
        connection = request.protocol
        assert isinstance(connection, _Connection)  # noqa: S101 - `_Server` makes no others
        connection.is_our_turn(our_turn=True)
        answer = await self._handler(
            HttpRequest(
                request.method,
                request.raw_path,
                request.headers,
                request.remote or "",
                partial(_read_body, request, connection),
            )
        )
        if isinstance(answer, HttpStream):
            return await _streamed(answer, request, connection)
        connection.is_our_turn(our_turn=False)
        return _response(answer, request, is_last=self._one_request)

    def note_defect(self, error: BaseException) -> None:
        """Report an exception of the handler, and log it now and then."""
        self._on_defect(error)
        if count := self._defects.count():
            said = "a defect ended a request, answered 500; %d since the last such line"
            _LOGGER.error(said, count, exc_info=error)

    def note_no_http(self, error: BaseException, remote: str | None) -> None:
        """Log what is no HTTP, now and then."""
        if self._logs_no_http and (count := self._no_http.count()):
            said = " ".join(str(error).split())[:MAX_SAID]
            _LOGGER.warning("no HTTP from %s: %s; %d since the last such line", remote, said, count)


async def _read_body(request: web.BaseRequest, connection: _Connection) -> bytes:
    if not request.body_exists:
        return b""
    try:
        if request.content.is_eof():  # all of it is here: no need to ask piece by piece
            body = request.content.read_nowait()
            if len(body) > request.client_max_size:
                raise BodyTooLargeError
            return body
        connection.is_our_turn(our_turn=False)
        body = await request.read()
        connection.is_our_turn(our_turn=True)
    except web.HTTPRequestEntityTooLarge:
        raise BodyTooLargeError from None
    except (web.RequestPayloadError, http.HttpProcessingError) as error:
        raise UnreadableBodyError(_unreadable(error)) from None
    return body


class _Response:
    """An answer in bytes: what aiohttp's `RequestHandler` asks of a response, and no more.

    The `Response` of aiohttp keeps headers in a multidict, completes and writes them: a third of
    its time for a request.
    """

    __slots__ = ("_content", "_writer", "keep_alive")

    def __init__(self, content: bytes, *, keep_alive: bool) -> None:
        self._content = content
        self.keep_alive = keep_alive
        """Whether another request may follow on its connection."""

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write it. Raises `ConnectionError` where the client has gone."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has gone")
        transport.write(self._content)  # whole as it is: the writer's looks at compression, chunks
        self._writer = request.writer

    async def write_eof(self) -> None:
        """Wait until the client has read most of it. Raises `ConnectionError`."""
        await self._writer.drain()


def _response(
    answer: HttpResponse, request: web.BaseRequest, *, is_last: bool
) -> web.StreamResponse:
    """Return an answer as aiohttp takes it; with `is_last` the connection ends behind it."""
    keep_alive = request.keep_alive and not is_last
    head = head_of(
        answer,
        version=request.version,
        keep_alive=keep_alive,
        software=http.SERVER_SOFTWARE,
        unix_s=int(time.time()),
    )
    content = head if request.method == _HEAD else head + answer.body
    return cast("web.StreamResponse", _Response(content, keep_alive=keep_alive))


async def _streamed(
    answer: HttpStream, request: web.BaseRequest, connection: _Connection
) -> web.StreamResponse:
    headers = {"Content-Type": answer.content_type, **answer.headers}
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.force_close()
    await response.prepare(request)
    async for chunk in answer.chunks:
        connection.is_our_turn(our_turn=True)
        await response.write(chunk)
    await response.write_eof()
    return response


class _Seldom:
    """Logs one of many similar lines: a flood of requests makes no flood of lines."""

    def __init__(self) -> None:
        self._last_s = -LOGGED_EVERY_S
        self._since_last = 0

    def count(self) -> int:
        """Return how many came since the last line; 0: no line now."""
        self._since_last += 1
        now_s = time.monotonic()
        if now_s - self._last_s < LOGGED_EVERY_S:
            return 0
        count, self._last_s, self._since_last = self._since_last, now_s, 0
        return count


class _Connection(web.RequestHandler):
    """One connection, which ends when its client, or its handler, takes too long."""

    def __init__(self, server: _Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=cast("Logger", None),  # None: no such log
            max_line_size=MAX_URL_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        self._http = server.http
        self._time = loop.time
        self._loop = loop
        self._turn_s = 0.0
        """Since when it has been our turn, or the client's."""
        self._limit_s = self._http.connection_s
        self._end: asyncio.TimerHandle | None = None

    def is_our_turn(self, *, our_turn: bool) -> None:
        """Note whether client or server has to act next, from now on."""
        self._turn_s = self._time()
        self._limit_s = self._http.answer_s if our_turn else self._http.connection_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.is_our_turn(our_turn=False)
        self._end = self._loop.call_later(self._http.connection_s, self._check_deadline)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(exc)

    def _check_deadline(self) -> None:
        """End the connection, or look again when it might have to: no timer for each request."""
        left_s = self._turn_s + self._limit_s - self._time()
        if left_s > 0:
            soon_s = min(left_s, self._http.connection_s)
            self._end = self._loop.call_later(soon_s, self._check_deadline)
        elif self.transport is not None:
            self.transport.abort()

    def log_exception(self, *_: Any, **more: Any) -> None:
        """Note an exception, unless its client has gone, or was told of an unreadable body."""
        error = more.get("exc_info")
        if isinstance(error, BaseException) and not isinstance(error, _OF_CLIENTS):
            self._http.note_defect(error)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, http.HttpProcessingError):
            self._http.note_no_http(exc, request.remote)
        else:  # aiohttp's own notes the error, and would answer in its words
            super().handle_error(request, status, exc, message)
        return _response(self._http.refusal(_refused(exc, status)), request, is_last=True)


def _refused(error: BaseException | None, status: int) -> int:
    """Return the status of what is no HTTP, where aiohttp says 400 of all."""
    if isinstance(error, LineTooLong):
        return HEADERS_TOO_LARGE if MAX_HEADER_BYTES in error.args else URI_TOO_LONG
    if isinstance(error, ContentEncodingError):
        return UNREAD_CODING
    if isinstance(error, http.HttpProcessingError) and error.message.startswith(_TOO_MANY):
        return HEADERS_TOO_LARGE
    return status


def _unreadable(error: Exception) -> str:
    """Return what is wrong with a body, in words that name no library."""
    is_packed = isinstance(error.__cause__ or error, ContentEncodingError)
    named = "Content-Encoding" if is_packed else "Content-Length or Transfer-Encoding"
    return f"it is not what {named} says"


class _Server(web.Server):
    """Makes the connections."""

    def __init__(self, server: HttpServer) -> None:
        super().__init__(server.answer, request_factory=self._request, handler_cancellation=True)
        self.http = server

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, self._loop)

    def _request(
        self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any
    ) -> web.BaseRequest:
        return web.BaseRequest(
            message, payload, protocol, writer, task, self._loop,
            client_max_size=self.http.max_body_bytes,
        )  # fmt: skip
