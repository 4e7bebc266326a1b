"""Answers OTLP/HTTP posts of logs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from fleet_wire.addresses import host_of, is_loopback
from fleet_wire.error_text import shortened
from fleet_wire.errors import ConfigError, RemoteProtocolError
from fleet_wire.web.bearer import has_token
from fleet_wire.web.exchange import (
    BodyTooLargeError,
    HttpRequest,
    HttpResponse,
    UnreadableBodyError,
)
from platform_probe.measure.watching.otlp_logs import (
    MAX_POST_BYTES,
    LogRecord,
    UnreadablePostError,
    answer_of,
    event_of,
    records_of,
)
from platform_probe.measure.watching.platform_inbox import PlatformInbox

LOGS_PATH: Final = "/v1/logs"
"""OTLP specification, OTLP/HTTP request."""
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
_ENCODINGS: Final = ("", "identity", "gzip", "deflate")
AT_ONCE: Final = 16
"""Records that are taken before the unlocks have their turn again."""


class OtlpReceiver:
    """Handles posts of the platform's log, and passes on their events.

    The server unpacks a post (gzip), and bounds the result.
    """

    def __init__(self, inbox: PlatformInbox, token: Callable[[], str] | None) -> None:
        """Ask each post for the token; None: only this machine can reach the port."""
        self._inbox = inbox
        self._token = token

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Handle a post, and return its answer. One that says that it is too large is not read."""
        if request.method != "POST":
            return HttpResponse(405, b"405: method not allowed\n", headers={"Allow": "POST"})
        if refused_post := self._refused(request):
            return refused_post
        body = b""
        content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        try:
            body = await _body_of(request)
            records = records_of(body, content_type)
        except UnreadablePostError as error:
            self._inbox.refuse(str(error), body)
            return HttpResponse(error.status, f"{error.status}: {error}\n".encode())
        refused, reason = 0, ""
        for number, record in enumerate(records, start=1):
            if (why := self.handle_log_record(record)) is not None:
                refused, reason = refused + 1, why
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        answer = answer_of(content_type, refused=refused, reason=reason)
        return HttpResponse(200, answer, content_type)

    def handle_log_record(self, record: LogRecord | RemoteProtocolError) -> str | None:
        """Handle one record; return why it was refused."""
        try:
            event = event_of(record)
        except RemoteProtocolError as error:
            shown = record.attributes if isinstance(record, LogRecord) else ""
            self._inbox.refuse(error.reason, repr(shown).encode())
            return error.reason
        if event is not None:
            self._inbox.handle_event(event)
        return None

    def _refused(self, request: HttpRequest) -> HttpResponse | None:
        """Return the answer to somebody who may not write the log; None: they may."""
        if self._token is None:
            host = host_of(request.headers.get("Host", "localhost"))
            if is_loopback(host):
                return None
            # a page of a browser here could have its own name resolve to us (DNS rebinding)
            self._inbox.refuse_forged(f"sent to {shortened(host)!r}", request.remote)
            return HttpResponse(421, b"421: without a token only localhost is answered\n")
        try:
            if has_token(request, self._token()):
                return None
        except ConfigError as error:
            self._inbox.refuse_forged(str(error), request.remote)
            return HttpResponse(503, b"503: the monitor cannot read its token\n")
        self._inbox.refuse_forged("the token is missing or wrong", request.remote)
        return HttpResponse(401, b"401: the token is wrong\n", headers=_CHALLENGE)


async def _body_of(request: HttpRequest) -> bytes:
    """Return the body, unpacked. Raises `UnreadablePostError`."""
    length = request.headers.get("Content-Length", "0")
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if length.isdecimal() and int(length) > MAX_POST_BYTES:
        raise UnreadablePostError(413, f"{length} bytes, at most {MAX_POST_BYTES} are taken")
    if encoding not in _ENCODINGS:
        raise UnreadablePostError(415, f"content encoding {encoding[:80]!r}: expected gzip")
    try:
        return await request.body()
    except BodyTooLargeError:
        raise UnreadablePostError(413, f"at most {MAX_POST_BYTES} bytes are taken") from None
    except UnreadableBodyError:
        raise UnreadablePostError(400, "the body cannot be unpacked") from None
