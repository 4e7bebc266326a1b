"""An HTTP client of one server. No other module knows aiohttp's client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp
from yarl import URL

from fleet_wire.web.exchange import HttpResponse

CONNECT_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 1_000_000


class NoAnswerError(Exception):
    """The server could not be reached, broke off, or did not answer in time: who knows what it did."""


class HttpClient:
    """Keeps connections to one server, as many as there are requests under way.

    `base_url` is `http://HOST:PORT` or `https://HOST:PORT`. Make it where the event loop runs.
    """

    def __init__(self, base_url: str) -> None:
        self._base = URL(base_url)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
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

        Raises `NoAnswerError`.
        """
        try:
            async with self._session.request(
                method,
                self._base.join(URL(path, encoded=True)),
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_S),
            ) as answer:
                content = await answer.content.read(MAX_ANSWER_BYTES)
                if not answer.content.at_eof():
                    content += await answer.content.read()
                return HttpResponse(
                    answer.status, content, answer.content_type, dict(answer.headers)
                )
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as error:
            raise NoAnswerError(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
