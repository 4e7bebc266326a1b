"""Answers OTLP/HTTP posts of logs."""

from __future__ import annotations

import asyncio
from typing import Final

from fleet_wire.errors import RemoteProtocolError
from fleet_wire.web.exchange import (
    BodyTooLargeError,
    HttpRequest,
    HttpResponse,
    UnreadableBodyError,
)
from platform_probe.watching.otlp_logs import (
    MAX_POST_BYTES,
    LogRecord,
    UnreadablePostError,
    answer_of,
    event_of,
    records_of,
)
from platform_probe.watching.platform_inbox import PlatformInbox

LOGS_PATH: Final = "/v1/logs"
"""OTLP specification, OTLP/HTTP request."""
_ENCODINGS: Final = ("", "identity", "gzip", "deflate")
AT_ONCE: Final = 16
"""Records that are taken before the unlocks have their turn again."""


class OtlpReceiver:
    """Takes posts of the platform's log, and hands on what they say.

    That a post is packed (gzip) is the server's concern, which bounds what comes out.
    """

    def __init__(self, inbox: PlatformInbox) -> None:
        self._inbox = inbox

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Take a post, and return its answer. One that says that it is too large is not read."""
        if request.method != "POST":
            return HttpResponse(405, b"405: method not allowed\n", headers={"Allow": "POST"})
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
            if (why := self._take(record)) is not None:
                refused, reason = refused + 1, why
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        answer = answer_of(content_type, refused=refused, reason=reason)
        return HttpResponse(200, answer, content_type)

    def _take(self, record: LogRecord) -> str | None:
        """Take one record; return why it was refused."""
        try:
            event = event_of(record)
        except RemoteProtocolError as error:
            self._inbox.refuse(error.reason, repr(record.attributes).encode())
            return error.reason
        if event is not None:
            self._inbox.take(event)
        return None


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
