"""An HTTP client of one server. No other module knows aiohttp's client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from fleet_wire.web.exchange import HttpResponse

CONNECT_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 1_000_000


class NoAnswerError(Exception):
    """The server could not be reached, broke off, or took too long; it may have acted."""


class NotSentError(NoAnswerError):
    """There was no connection to the server: it has seen nothing of the request."""


class HttpClient:
    """Keeps connections to one server, as many as there are requests under way.

    `base_url` is `http://HOST:PORT` or `https://HOST:PORT`. Make it where the event loop runs.
    """

    def __init__(self, base_url: str, *, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._max_answer_bytes = max_answer_bytes
        self._base_url = base_url.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        timeout_s: float,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> HttpResponse:
        """Return the answer, whatever its status. Redirections are not followed.

        Raises `NoAnswerError`, also for an answer that is too large, and `NotSentError`.
        """
        try:
            async with self._session.request(
                method,
                self._base_url + path,
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_S),
            ) as answer:
                content = b""
                async for chunk in answer.content.iter_any():
                    content += chunk
                    if len(content) > self._max_answer_bytes:
                        raise NoAnswerError(f"answer of more than {self._max_answer_bytes} bytes")
                return HttpResponse(answer.status, content, answer.content_type, answer.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSentError(str(error) or type(error).__name__) from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NoAnswerError(str(error) or type(error).__name__) from error

    @asynccontextmanager
    async def text_socket(self, path: str) -> AsyncIterator[TextSocket]:
        """Open a WebSocket for the block. Raises `NoAnswerError` where the server opens none."""
        timeout = aiohttp.ClientWSTimeout(ws_close=CONNECT_S)
        try:
            socket = await self._session.ws_connect(
                self._base_url + path, max_msg_size=self._max_answer_bytes, timeout=timeout
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NoAnswerError(str(error) or type(error).__name__) from error
        async with socket:
            yield TextSocket(socket)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


class TextSocket:
    """A WebSocket on which both sides send texts (RFC 6455)."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, text: bytes) -> None:
        """Send a text, encoded in UTF-8. Raises `NoAnswerError`."""
        try:
            await self._socket.send_frame(text, aiohttp.WSMsgType.TEXT)
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswerError(str(error) or type(error).__name__) from error

    async def receive(self) -> str:
        """Return the next text. Raises `NoAnswerError` when the server has closed."""
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise NoAnswerError(f"the server has closed ({message.type.name}, {message.data})")
        return str(message.data)


async def post_once(
    url: str,
    body: bytes,
    *,
    timeout_s: float,
    headers: Mapping[str, str],
    max_answer_bytes: int = MAX_ANSWER_BYTES,
) -> HttpResponse:
    """Post to a URL by a connection of its own. Raises as `HttpClient.request` does."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    client = HttpClient(f"{parts.scheme}://{parts.netloc}", max_answer_bytes=max_answer_bytes)
    try:
        return await client.request("POST", path, timeout_s=timeout_s, headers=headers, body=body)
    finally:
        await client.close()
